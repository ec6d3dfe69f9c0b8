//! What moves the world: a task that madsim polls each time that all other tasks have come to rest.
//!
//! madsim's own time moves by 50 to 100 ns, drawn at random, with every poll of any task, so nothing of the world may rest on it.
//! But when no task is ready madsim jumps to its next timer. A timer that lies further ahead than the polls of one moment
//! ever reach means 'when all rest', whatever its time is.

use std::{
    future::Future,
    pin::pin,
    task::{Context, Waker},
    time::Duration,
};

use madsim::time::TimeHandle;

/// How far ahead the timer lies: more than a million polls. Tasks that wake each other without end come to it all the same, so even
/// they cannot keep time from passing.
const OUT_OF_REACH: Duration = Duration::from_millis(100);

/// See the module.
pub(super) struct Motor {
    time: TimeHandle,
    /// Wakes the driving task, once that has been polled.
    driver: Option<Waker>,
    is_set: bool,
}

/// What the driving task is polled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// To make itself known: others are still ready.
    First,
    /// All others rest.
    Rest,
}

impl Motor {
    /// A motor without a driver, in a madsim runtime.
    pub fn new() -> Self {
        Self { time: TimeHandle::current(), driver: None, is_set: false }
    }

    /// The driving task is being polled: it has to ask for its next turn.
    pub fn attend(&mut self, driver: &Waker) -> Turn {
        self.is_set = false;
        match &mut self.driver {
            Some(known) => {
                known.clone_from(driver);
                Turn::Rest
            }
            None => {
                self.driver = Some(driver.clone());
                Turn::First
            }
        }
    }

    /// Has the driving task polled when all rest.
    pub fn set(&mut self) {
        let Some(driver) = self.driver.as_ref().filter(|_| !self.is_set) else { return };
        self.is_set = true;
        // Polled once with the driver's waker, a madsim sleep leaves its timer behind: no task is needed to hold it.
        let sleep = pin!(self.time.sleep(OUT_OF_REACH));
        let polled = sleep.poll(&mut Context::from_waker(driver));
        debug_assert!(polled.is_pending(), "a timer ahead is not due");
    }
}
