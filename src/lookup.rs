//! What is asked of an endpoint, one key at a time, and cached.

mod breaker;
mod trouble;

pub(crate) use self::{
    breaker::{Breaker, speaks_of_endpoint},
    trouble::Trouble,
};
