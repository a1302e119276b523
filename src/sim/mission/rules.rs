//! Rules: operating hours, wind, fences; what a breach does, and that every trigger is told.

use serde::{Deserialize, Serialize};

use super::super::Level;
use super::super::hash::Hash64;
use super::spec::{Action, Rule, Watch};
use super::{Doing, Round};

/// How quickly the felt wind follows the wind that blows, in seconds.
const WIND_TIME_S: f64 = 4.0;
/// A rule that was broken is kept for so long before it counts as kept again.
const CALM_S: f64 = 5.0;

/// What is known of a rule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RuleState {
    /// Whether it is broken now.
    pub is_broken: bool,
    /// How often it was.
    pub times: u32,
    /// For how long.
    pub broken_s: f64,
    /// How it stands, in words.
    pub text: String,
    calm_s: f64,
}

impl RuleState {
    pub(super) fn enter(&self, hash: &mut Hash64) {
        hash.word(u64::from(self.is_broken) | u64::from(self.times) << 1);
        hash.number(self.calm_s);
    }
}

impl Round<'_> {
    pub(super) fn keep_rules(&mut self) {
        let share = (self.now.dt / WIND_TIME_S).min(1.0);
        self.m.wind_mps += (self.now.wind_mps - self.m.wind_mps) * share;
        for k in 0..self.now.spec.rules.len() {
            self.keep(k, &self.now.spec.rules[k]);
        }
    }

    fn keep(&mut self, k: usize, rule: &Rule) {
        let (is_bad, is_good, text) = self.look_at_rule(rule);
        let dt = self.now.dt;
        let state = &mut self.m.rules[k];
        state.text = text;
        state.calm_s = if is_good { state.calm_s + dt } else { 0.0 };
        state.broken_s += if state.is_broken { dt } else { 0.0 };
        let text = state.text.clone();
        if is_bad && !state.is_broken {
            state.is_broken = true;
            state.times += 1;
            let message = format!("rule {} is broken ({text}): {}", rule.name, consequence(rule));
            self.tell(Level::Warning, "rule_broken", message);
        } else if state.is_broken && state.calm_s >= CALM_S {
            state.is_broken = false;
            self.tell(Level::Info, "rule_kept", format!("rule {} is kept again ({text})", rule.name));
        }
    }

    /// Whether a rule is broken, whether it is kept well, and how it stands.
    fn look_at_rule(&self, rule: &Rule) -> (bool, bool, String) {
        match rule.watch {
            Watch::Wind { limit_mps, resume_mps } => {
                let wind = self.m.wind_mps;
                let text = format!("wind {wind:.1} m/s, limit {limit_mps} m/s");
                (wind >= limit_mps, wind < resume_mps, text)
            }
            Watch::Hours { from_h, to_h } => {
                let hour = self.hour();
                let is_open = if from_h <= to_h {
                    from_h <= hour && hour < to_h
                } else {
                    hour >= from_h || hour < to_h
                };
                let text = format!("{}, flights from {} to {}", clock(hour), clock(from_h), clock(to_h));
                (!is_open, is_open, text)
            }
            Watch::Fence => {
                let beyond = self.sights.iter().filter(|s| s.is_beyond && s.doing != Doing::Standing).count();
                (beyond > 0, beyond == 0, format!("{beyond} drones beyond a fence"))
            }
        }
    }

    /// Local time in hours.
    fn hour(&self) -> f64 {
        hour_at(self.now.spec.general.start_h, self.now.time_s())
    }

    /// What the broken rules that concern everyone ask for: the strictest.
    pub(super) fn standing_action(&self) -> Option<Action> {
        self.action_of(|rule| rule.watch != Watch::Fence)
    }

    /// What a broken rule about fences asks of those who are beyond.
    pub(super) fn fence_action(&self) -> Option<Action> {
        self.action_of(|rule| rule.watch == Watch::Fence)
    }

    fn action_of(&self, concerns: impl Fn(&Rule) -> bool) -> Option<Action> {
        let broken = self
            .now
            .spec
            .rules
            .iter()
            .zip(&self.m.rules)
            .filter(|(rule, state)| state.is_broken && concerns(rule));
        broken.map(|(rule, _)| rule.action).max_by_key(|&action| action as u8)
    }
}

/// Hour of the day after so many seconds.
pub fn hour_at(start_h: f64, time_s: f64) -> f64 {
    (start_h + time_s / 3600.0) % 24.0
}

/// `hh:mm:ss` of an hour of the day.
pub fn clock(hour: f64) -> String {
    let seconds = (hour * 3600.0 + 1e-6) as u32;
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

fn consequence(rule: &Rule) -> &'static str {
    match (rule.action, &rule.watch) {
        (Action::Warn, _) => "the mission goes on",
        (Action::Hold, Watch::Fence) => "whoever is beyond holds",
        (Action::Return, Watch::Fence) => "whoever is beyond returns",
        (Action::Hold, _) => "everyone holds",
        (Action::Return, _) => "everyone returns",
    }
}
