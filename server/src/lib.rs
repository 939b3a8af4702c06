//! What answers.

pub mod bot;
pub mod bus;
pub mod clock;
pub mod ids;
pub mod records;
pub mod shutdown;
pub mod store;
