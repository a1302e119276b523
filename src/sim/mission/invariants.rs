//! What must hold at every tick, whatever happens.

use super::super::Tick;
use super::{Activity, Doing, Mission, Sight, Spec, Status};

impl Mission {
    /// Every law that is broken, as sentences; none in a sound mission. O(windows + tasks + drones).
    pub fn violations(&self, spec: &Spec, types: &[super::DroneType], sights: &[Sight]) -> Vec<String> {
        let mut broken = Vec::new();
        for (number, window) in self.windows.iter().enumerate() {
            if let Some(what) =
                order_of(window.found_at, window.cleaned_at, window.verified_at, window.status)
            {
                broken.push(format!("{}: {what}", spec.layout.name(number)));
            }
            if window.status == Status::Verified && self.truth.cleanings[number] == 0 {
                broken.push(format!("{} is verified but nobody cleaned it", spec.layout.name(number)));
            }
        }
        self.check_holders(&mut broken);
        for sight in sights {
            let Ok(i) = self.crew.binary_search_by_key(&sight.serial, |member| member.serial) else {
                continue;
            };
            let member = &self.crew[i];
            let reserve_j = types[usize::from(sight.kind)].battery_j() * spec.general.reserve_pct / 100.0;
            let is_own_doing = member.is_alive() && member.activity != Activity::Silent && !member.is_drained;
            if is_own_doing && sight.doing != Doing::Standing && sight.battery_j < reserve_j {
                broken.push(format!("{} is flown below its reserve", member.id));
            }
        }
        broken
    }

    /// Every task that is held is held by one drone that knows of it, and the other way round.
    fn check_holders(&self, broken: &mut Vec<String>) {
        let mut held = 0;
        for member in &self.crew {
            for &id in &member.jobs {
                held += 1;
                if self.board.get(id).is_none_or(|job| job.holder != Some(member.serial)) {
                    broken.push(format!("{} works at task {id}, which it does not hold", member.id));
                }
            }
        }
        let given = self.board.open().filter(|job| job.holder.is_some()).count();
        if given != held {
            broken.push(format!("{given} tasks have a holder, but drones hold {held}"));
        }
    }
}

/// What is wrong with the order in which things happened to a window.
fn order_of(
    found: Option<Tick>,
    cleaned: Option<Tick>,
    verified: Option<Tick>,
    status: Status,
) -> Option<&'static str> {
    if cleaned.is_some_and(|cleaned| found.is_none_or(|found| found > cleaned)) {
        return Some("cleaned before it was found");
    }
    if verified.is_some_and(|verified| cleaned.is_none_or(|cleaned| cleaned > verified)) {
        return Some("verified before it was cleaned");
    }
    let is_told = match status {
        Status::Unknown => found.is_none(),
        Status::Dirty => found.is_some() && cleaned.is_none(),
        Status::Cleaned | Status::Rejected => cleaned.is_some() && verified.is_none(),
        Status::Verified => verified.is_some(),
    };
    (!is_told).then_some("its state does not fit its history")
}
