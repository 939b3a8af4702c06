//! Every timer of the widget, on one `setTimeout` and one closure. Arming and disarming costs no memory, however long
//! the page lives.

use std::cell::{Cell, OnceCell, RefCell};

use protocol::session::Timer;
use wasm_bindgen::prelude::*;
use web_sys::window;

use super::page;

/// What a timer is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Alarm {
    /// The connection has been away for long.
    Late,
    /// The connection has been away for a moment.
    Lost,
    /// The live region has been read.
    Quiet,
    /// A timer of the session.
    Session(Timer),
    /// What was mentioned has been read.
    Mentioned,
}

/// The alarms that are set, at most one of each kind.
#[derive(Default)]
pub(super) struct Alarms {
    /// Each with the time at which it is due, by [`page::uptime_ms`], ordered by that time.
    set: RefCell<Vec<(Alarm, u64)>>,
    handle: Cell<Option<i32>>,
    tick: OnceCell<Closure<dyn FnMut()>>,
}

impl Alarms {
    /// Sets what happens when an alarm is due. [`Alarms::take_due`] says which one. Call it once.
    pub(super) fn on_tick(&self, tick: impl FnMut() + 'static) {
        let _ = self.tick.set(Closure::new(tick));
    }

    pub(super) fn arm(&self, alarm: Alarm, after_ms: u64) {
        let at = page::uptime_ms().saturating_add(after_ms);
        let mut set = self.set.borrow_mut();
        set.retain(|(other, _)| *other != alarm);
        // It is inserted in order, because a general sort costs 5 kB of the widget.
        let index = set.iter().position(|(_, other)| *other > at);
        let index = index.unwrap_or(set.len());
        set.insert(index, (alarm, at));
        drop(set);
        self.wind();
    }

    /// Arms the alarm, unless it is armed already.
    pub(super) fn arm_once(&self, alarm: Alarm, after_ms: u64) {
        if !self.set.borrow().iter().any(|(other, _)| *other == alarm) {
            self.arm(alarm, after_ms);
        }
    }

    pub(super) fn disarm(&self, alarm: Alarm) {
        self.set.borrow_mut().retain(|(other, _)| *other != alarm);
        self.wind();
    }

    /// Takes out the alarm that was due first. It takes one at a time, because handling it may postpone or disarm the
    /// next.
    pub(super) fn take_due(&self) -> Option<Alarm> {
        let mut set = self.set.borrow_mut();
        // A browser may call a millisecond early.
        let is_due = set.first()?.1 <= page::uptime_ms() + 1;
        let due = is_due.then(|| set.remove(0).0);
        drop(set);
        self.wind();
        due
    }

    /// Sets one `setTimeout` for the earliest alarm.
    fn wind(&self) {
        let (Some(window), Some(tick)) = (window(), self.tick.get()) else {
            return;
        };
        if let Some(handle) = self.handle.take() {
            window.clear_timeout_with_handle(handle);
        }
        let first = self.set.borrow().first().map(|(_, at)| *at);
        if let Some(at) = first {
            let wait = at.saturating_sub(page::uptime_ms());
            let handle = window.set_timeout_with_callback_and_timeout_and_arguments_0(
                tick.as_ref().unchecked_ref(),
                i32::try_from(wait).unwrap_or(i32::MAX),
            );
            self.handle.set(handle.ok());
        }
    }
}
