//! Sends records to the first two topics of a pipeline at their time.
//!
//! | module | contents |
//! |---|---|
//! | [`rows`] | the usable rows of a CSV file, with their records |
//! | [`times`] | times in cells |
//! | [`schedule`] | the records of a file in the order of event time |
//! | [`feeder`] | sends a file |
//! | [`deliveries`] | a bounded number of records at a time, each with an awaited acknowledgement |
//! | [`limit`] | how far a feed may go |
//! | [`joined`] | a limit for the records that the SQL has not joined |
//! | [`player`] | sends each record at its time |
//! | [`clock`], [`pacing`] | event time against the wall clock |
//! | [`progress`] | numbers of acknowledged records |

pub mod clock;
pub mod deliveries;
pub mod feeder;
pub mod joined;
pub mod limit;
pub mod pacing;
pub mod player;
pub mod progress;
pub mod rows;
pub mod schedule;
pub mod times;

pub use deliveries::{Deliveries, Kind, MAX_IN_FLIGHT, Outgoing};
pub use feeder::{FeedArgs, Feeder};
pub use joined::Joined;
pub use limit::Limit;
pub use pacing::Pacing;
pub use player::Player;
pub use progress::Progress;
