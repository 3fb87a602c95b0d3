//! The only place that reads a clock. Deciders get the values as arguments.

use std::sync::LazyLock;

use atoll_decide::time::{Mono, Wall};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use k8s_openapi::jiff::Timestamp;
use tokio::time::Instant;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Time since the process first asked; the same clock as tokio's timers, so
/// paused in paused tests.
pub fn mono() -> Mono {
    Mono(START.elapsed())
}

/// The wall clock, in milliseconds.
pub fn wall() -> Wall {
    Wall(Timestamp::now().as_millisecond())
}

/// The wall clock as the API writes it: whole seconds.
pub fn api_time() -> Time {
    Time(Timestamp::from_second(Timestamp::now().as_second()).unwrap_or(Timestamp::UNIX_EPOCH))
}

/// An API time as a decision value.
pub fn wall_of(time: &Time) -> Wall {
    Wall(time.0.as_millisecond())
}

/// A decision value as an API time. Values outside the calendar (none that a
/// clock gave) become the epoch.
pub fn api_time_of(wall: Wall) -> Time {
    Time(Timestamp::from_millisecond(wall.0).unwrap_or(Timestamp::UNIX_EPOCH))
}

/// A decision value as an API time with microseconds.
pub fn micro_time_of(wall: Wall) -> MicroTime {
    MicroTime(api_time_of(wall).0)
}

/// An API time with microseconds as a decision value.
pub fn wall_of_micro(time: &MicroTime) -> Wall {
    Wall(time.0.as_millisecond())
}

/// When something this process observed was, by the wall clock.
pub fn wall_of_mono(at: Mono) -> Wall {
    let ago = i64::try_from(mono().since(at).as_millis()).unwrap_or(i64::MAX);
    Wall(wall().0.saturating_sub(ago))
}

/// Now, as statuses write it: whole seconds.
pub fn rfc3339() -> String {
    let seconds = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or(Timestamp::UNIX_EPOCH);
    seconds.to_string()
}

/// A decision value as text, to the millisecond.
pub fn rfc3339_of(wall: Wall) -> String {
    Timestamp::from_millisecond(wall.0).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}
