//! The errors of a semaphore.

use std::error::Error;
use std::fmt;

/// Why no permits were given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AcquireError {
    /// The semaphore is closed.
    Closed,
    /// More than [`Semaphore::MAX_PERMITS`](super::Semaphore::MAX_PERMITS) were asked for.
    TooMany,
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AcquireError::Closed => "the semaphore is closed",
            AcquireError::TooMany => "no semaphore can have so many permits",
        })
    }
}

impl Error for AcquireError {}

/// Why no permits are to be had at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TryAcquireError {
    /// Too few are free, or others wait for permits.
    NoPermits,
    /// The semaphore is closed.
    Closed,
    /// More than [`Semaphore::MAX_PERMITS`](super::Semaphore::MAX_PERMITS) were asked for.
    TooMany,
}

impl fmt::Display for TryAcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryAcquireError::NoPermits => "too few permits are free",
            TryAcquireError::Closed => "the semaphore is closed",
            TryAcquireError::TooMany => "no semaphore can have so many permits",
        })
    }
}

impl Error for TryAcquireError {}
