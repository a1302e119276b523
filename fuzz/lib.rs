//! The fuzz targets over the wire's pure parts alone, so that they build in seconds.

pub mod targets;
pub mod wire;
