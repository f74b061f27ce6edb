//! The simulator's settings.

use super::credentials::Auth;
use super::scenario::Scenario;
use std::time::Duration;

/// The id of the project that exists by default.
pub const PROJECT_ID: &str = "666486c2d9b948c1bbea57e714d744fa";
/// The name of that project.
pub const PROJECT_NAME: &str = "eu-de_rehearsal";

/// How the simulator behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Simulated seconds per second, from 0.001 to a million. Zero, less and NaN count as 1.
    pub speed: f64,
    /// Which sign-in is accepted.
    pub auth: Auth,
    /// What a task does whose id belongs to no scenario; `None`: such a task does not exist.
    pub scenario: Option<Scenario>,
    /// The project that exists; `None`: every project id exists.
    pub project_id: Option<String>,
    /// The project's name, by which IAM finds it too.
    pub project_name: String,
    /// How long a token is valid, in simulated time.
    pub token_lifetime: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            speed: 1.0,
            auth: Auth::Any,
            scenario: None,
            project_id: Some(PROJECT_ID.to_owned()),
            project_name: PROJECT_NAME.to_owned(),
            token_lifetime: Duration::from_secs(24 * 60 * 60),
        }
    }
}

impl Options {
    /// The id of the project that IAM names.
    pub(super) fn project(&self) -> &str {
        self.project_id.as_deref().unwrap_or(PROJECT_ID)
    }

    fn valid_speed(&self) -> f64 {
        if self.speed.is_finite() && self.speed > 0.0 {
            self.speed.clamp(1e-3, 1e6)
        } else {
            1.0
        }
    }

    /// The real time that a span of simulated time takes.
    pub fn real(&self, simulated: Duration) -> Duration {
        // Longer than any wait, and short enough for every clock.
        const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
        Duration::try_from_secs_f64(simulated.as_secs_f64() / self.valid_speed())
            .map_or(LONGEST, |real| real.min(LONGEST))
    }

    /// The simulated time that passes in a span of real time.
    pub fn simulated(&self, real: Duration) -> Duration {
        Duration::try_from_secs_f64(real.as_secs_f64() * self.valid_speed())
            .unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_speed_counts_as_one() {
        for speed in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let options = Options {
                speed,
                ..Options::default()
            };
            assert_eq!(
                options.real(Duration::from_secs(7)),
                Duration::from_secs(7),
                "{speed}"
            );
        }
    }

    #[test]
    fn real_and_simulated_time_convert() {
        let options = Options {
            speed: 120.0,
            ..Options::default()
        };
        assert_eq!(
            options.real(Duration::from_secs(60)),
            Duration::from_millis(500)
        );
        assert_eq!(
            options.simulated(Duration::from_secs(2)),
            Duration::from_secs(240)
        );
        assert!(options.real(Duration::MAX) < Duration::from_secs(400_000_000));
        assert_eq!(options.simulated(Duration::MAX), Duration::MAX);
    }
}
