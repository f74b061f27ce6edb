//! Every output of a run says the same.

use super::checks::{Verdict, ensure};
use super::world::Run;
use dcs_migration_wait::outcome::Outcome;
use dcs_migration_wait::report::view::View;
use dcs_migration_wait::report::{
    self, Report, TaskReport, github, gitlab, html, json, junit, markdown, messages,
};
use dcs_migration_wait::wait::TaskWait;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

impl Run {
    #[expect(clippy::unwrap_in_result, reason = "a lock of our own, in a test")]
    pub(super) fn check_sinks(&self) -> Verdict {
        let script = &self.world.script;
        let started_at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_478_400);
        let mut recorder = self.recorder.lock().unwrap();
        let tasks = self
            .tasks
            .iter()
            .map(|task| TaskReport::of(task, recorder.take(&task.id), self.ended));
        let report = Report {
            outcome: Some(self.outcome.clone()),
            goal: Some(script.rules.condition.goal),
            rules: Some(script.rules.clone()),
            tasks: tasks.collect(),
            listing: recorder.listing.clone(),
            events: recorder.events.clone(),
            elapsed: self.ended,
            started_at,
            finished_at: Some(match script.wall_step {
                ahead @ 0.. => started_at + self.ended + Duration::from_secs(ahead.unsigned_abs()),
                back => started_at + self.ended - Duration::from_secs(back.unsigned_abs()),
            }),
        };
        let ready = self.outcome.is_ready();
        let (result, code) = (report.result(), self.outcome.exit_code());
        ensure!((code == 0) == ready, "exit code {code}, ready {ready}");

        let outputs: BTreeMap<&str, String> = report::outputs(&report).into_iter().collect();
        for (name, value) in [
            ("ready", ready.to_string()),
            ("result", result.to_owned()),
            ("exit-code", code.to_string()),
            ("elapsed-seconds", self.ended.as_secs().to_string()),
        ] {
            ensure!(outputs[name] == value, "{name} is not {value}: {outputs:?}");
        }
        let reason = messages::reason(&report);
        ensure!(
            !reason.is_empty() && !reason.contains('\n') && outputs["reason"] == reason,
            "{outputs:?}"
        );

        let text = github::outputs(&report);
        let lines = |wanted: String| text.lines().filter(|line| *line == wanted).count();
        ensure!(
            lines(format!("ready={ready}")) == 1 && lines(format!("result={result}")) == 1,
            "{text}"
        );
        ensure!(ready || lines("ready=true".to_owned()) == 0, "{text}");

        let text = gitlab::dotenv(&report);
        let has = |wanted: String| text.lines().any(|line| line == wanted);
        ensure!(
            has(format!("DCS_READY={ready}")) && has(format!("DCS_RESULT={result}")),
            "{text}"
        );
        ensure!(
            text.len() < 5 * 1024 && text.lines().count() == report::OUTPUTS.len(),
            "{text}"
        );

        for text in [json::report(&report), json::line(&report)] {
            let value: serde_json::Value =
                serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))?;
            ensure!(
                value["ready"] == ready && value["result"] == result && value["exit-code"] == code,
                "{text}"
            );
            let said: Vec<bool> = value["tasks"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|task| task["ready"] == true)
                .collect();
            let is_ready = |task: &TaskWait| matches!(task.outcome, Some((Outcome::Ready, _)));
            ensure!(
                said.iter().copied().eq(self.tasks.iter().map(is_ready)),
                "{said:?}: {text}"
            );
            ensure!(
                !ready || (!said.is_empty() && said.iter().all(|&ready| ready)),
                "ready, and {said:?}: {text}"
            );
        }
        ensure!(
            !json::line(&report).contains('\n'),
            "a line of JSON has several lines"
        );

        let text = markdown::summary(&View::of(&report));
        ensure!(
            text.lines()
                .next()
                .is_some_and(|line| line.contains('✅') == ready),
            "{text}"
        );
        ensure!(text.contains(result), "{text}");

        let text = html::report(&View::of(&report));
        for element in ["title", "h1"] {
            let said = words_of(&text, element).ok_or_else(|| format!("no {element}: {text}"))?;
            ensure!(
                said.contains("Redis migration") && said.contains(result),
                "{element} is {said}"
            );
        }
        let heading = words_of(&text, "h1").unwrap_or_default();
        ensure!(
            heading.starts_with('✓') == ready,
            "the heading is {heading}, ready is {ready}"
        );

        // A suite passes where nothing failed, nothing broke, and nothing was left out.
        let text = junit::report(&View::of(&report));
        let total = |name: &str| text.contains(&format!("{name}=\"0\""));
        let passes = total("failures") && total("errors") && total("skipped");
        ensure!(passes == ready, "passes: {passes}, ready: {ready}: {text}");
        Ok(())
    }
}

/// The words of the first such element, without the tags around and in them.
fn words_of(html: &str, element: &str) -> Option<String> {
    let (_, rest) = html.split_once(&format!("<{element}"))?;
    let (within, _) = rest.split_once(&format!("</{element}>"))?;
    let pieces = within
        .split('>')
        .skip(1)
        .map(|piece| piece.split('<').next().unwrap_or_default());
    Some(pieces.collect())
}
