//! Faults at exact places of a run, for tests: compiled only with the feature `failpoints`.
//!
//! A place is a message of the protocol (`2 out 17 half`: the 17th message that the second connection sends, half of it
//! sent) or a point in the code (`point committed 3`: the third time it is reached). The variable `DUNLIN_FAULT` says
//! what happens at one place: `kill 2 out 17 half`. With `DUNLIN_FAULT_LOG` each place that a run passes is written to a
//! file, so a test learns from one run which places there are. Without them nothing is different.

/// A point in the code at which a test may let the run fail: nothing without the feature `failpoints`.
macro_rules! point {
    ($name:literal) => {
        #[cfg(feature = "failpoints")]
        fail::fail_point!($name);
    };
}
pub(crate) use point;

#[cfg(feature = "failpoints")]
mod armed;
#[cfg(feature = "failpoints")]
mod frames;

#[cfg(feature = "failpoints")]
pub(super) use armed::Tap;
