//! Several listeners: their routes, certificates, limits, and the load balancers before them.

mod certificates;
mod limits;
mod names;
mod proxy_protocol;
mod revocation;
mod routes;
mod scene;
