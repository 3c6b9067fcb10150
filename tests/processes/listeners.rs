//! Listeners with real programs before them: load balancers, TLS clients, and a service manager.

mod balancers;
mod openssl;
mod sockets;
