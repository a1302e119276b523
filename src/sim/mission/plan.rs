//! Planning: what scouts should look at, who takes which task, and why some tasks must wait.

use super::super::drone_type::Capability;
use super::super::{Level, Vec3};
use super::allocation::{Bidder, Lot, Market};
use super::explore;
use super::job::{Kind, Subject};
use super::spec::Action;
use super::{Activity, Doing, Round, site};

/// Time between two looks for viewpoints.
const EXPLORE_S: f64 = 2.0;
/// Most viewpoints on the board at once.
const VIEWS_MAX: usize = 60;
/// Altitude of the first looks.
const FIRST_LOOK_M: f64 = 12.0;
/// Time to take off.
const TAKEOFF_S: f64 = 12.0;
/// Workers keep this far apart …
const CROWD_M: f64 = 6.0;
/// … or it counts as so many seconds.
const CROWD_S: f64 = 25.0;
/// What it costs to leave a tether behind.
const UNTIE_S: f64 = 25.0;
/// Waiting makes a task nearer by this share of the time, at most so many seconds.
const AGE_SHARE: f64 = 0.05;
const AGE_S_MAX: f64 = 60.0;
/// A task that is late counts as so much nearer.
const LATE_S: f64 = 120.0;

/// Why a task will never be done: all who could are out of action …
pub(super) const NOBODY_CAN: &str = "no drone is left that can do it";
/// … or all who could bring what it takes.
pub(super) const NOBODY_SUPPLIES: &str = "no drone is left that brings fluid";

impl Round<'_> {
    pub(super) fn plan(&mut self) {
        if !self.m.phase.is_active() {
            return;
        }
        let is_due = |seconds: f64| self.now.tick.is_multiple_of(self.now.ticks(seconds).max(1));
        let (explores, plans) = (is_due(EXPLORE_S), is_due(self.now.spec.general.plan_s));
        if explores && self.m.scanned_at.is_none() {
            self.explore();
        }
        if !plans {
            return;
        }
        self.put_up_given();
        self.send_on_rounds();
        self.tell_late();
        let is_held = self.standing_action().is_some_and(|action| action != Action::Warn);
        self.explain(is_held);
        if !is_held {
            for (_, kind, _) in Kind::ALL {
                self.share_out(kind);
            }
        }
    }

    /// Puts up what is worth a look, in place of what nobody has taken yet.
    fn explore(&mut self) {
        let scouts =
            (0..self.m.crew.len()).filter(|&i| self.can(i, Capability::Scan) && self.m.crew[i].is_alive());
        let scouts: Vec<usize> = scouts.collect();
        let is_idle = |&i: &usize| self.m.crew[i].jobs.is_empty();
        if !scouts.is_empty() && !scouts.iter().any(is_idle) {
            return;
        }
        let looks = || self.m.board.of(Kind::Scan).filter(|job| matches!(job.subject, Subject::View { .. }));
        let open: Vec<u32> = looks().filter(|job| job.holder.is_none()).map(|job| job.id).collect();
        let held: Vec<Vec3> = looks().filter(|job| job.holder.is_some()).map(|job| job.site).collect();
        open.into_iter().for_each(|job| drop(self.m.board.withdraw(job)));
        if scouts.is_empty() {
            self.m.scanned_at = Some(self.now.tick);
            if !self.is_to_be_scanned() {
                return;
            }
            let seen = self.m.map.coverage_pct();
            return self.tell(
                Level::Warning,
                "scan_given_up",
                format!("no drone is left that can scan; {seen:.0} % of the site is seen"),
            );
        }
        let views = if self.m.map.is_blank() { self.first_looks(&scouts) } else { self.views() };
        let is_over = views.is_empty() && held.is_empty() && !self.m.map.is_blank();
        let (stay_s, apart_m) = (self.now.spec.scan.stay_s, self.m.map.cell_m());
        let fresh =
            views.into_iter().filter(|(eye, _)| held.iter().all(|site| site.distance(*eye) > apart_m));
        for (eye, subject) in fresh.take(VIEWS_MAX).collect::<Vec<_>>() {
            self.m.board.put(Kind::Scan, subject, eye, stay_s, self.now.tick);
        }
        if is_over {
            self.m.scanned_at = Some(self.now.tick);
            let message = format!("the site is seen, {:.0} % of it", self.m.map.coverage_pct());
            self.tell(Level::Info, "scan_done", message);
        }
    }

    /// Whether anybody is to look for anything: a mission of given tasks alone needs no scouts.
    pub(super) fn is_to_be_scanned(&self) -> bool {
        !self.now.spec.layout.windows.is_empty()
            || (0..self.m.crew.len()).any(|i| self.can(i, Capability::Scan))
    }

    fn views(&mut self) -> Vec<(Vec3, Subject)> {
        let views = explore::viewpoints(&mut self.m.map, &self.now.spec.scan);
        views
            .into_iter()
            .map(|view| (view.eye, Subject::View { target: view.target, cells: view.cells }))
            .collect()
    }

    /// Before anything is known: every scout looks around at the edge of the site.
    fn first_looks(&self, scouts: &[usize]) -> Vec<(Vec3, Subject)> {
        let search = &self.now.spec.search;
        let middle = Vec3::new(search.min[0] + search.max[0], search.min[1] + search.max[1], 0.0) * 0.5;
        let target = middle.at_altitude(FIRST_LOOK_M);
        let eyes = scouts.iter().filter_map(|&i| {
            let home = self.sight(i)?.home;
            Some(search.clamp(home.at_altitude(FIRST_LOOK_M.min(search.ceiling_m))))
        });
        eyes.map(|eye| (eye, Subject::View { target, cells: Vec::new() })).collect()
    }

    /// A round of the overseers is a look from one corner of the site after another.
    fn send_on_rounds(&mut self) {
        let Some(patrol) = &self.now.spec.patrol else { return };
        if self.now.tick < self.m.next_patrol || self.m.board.of(Kind::Patrol).next().is_some() {
            return;
        }
        let search = &self.now.spec.search;
        let corner = self.m.next_corner % 4;
        let (east, north) = ([0, 1, 1, 0][corner as usize], [0, 0, 1, 1][corner as usize]);
        let place =
            Vec3::new([search.min[0], search.max[0]][east], [search.min[1], search.max[1]][north], 0.0);
        self.m.next_corner += 1;
        self.m.next_patrol = self.now.tick + self.now.ticks(patrol.every_s);
        let site = place.at_altitude(patrol.altitude_m);
        if self.now.scene.objection_to(site).is_none() {
            self.m.board.put(Kind::Patrol, Subject::Place, site, patrol.stay_s, self.now.tick);
        }
    }

    fn tell_late(&mut self) {
        let tick = self.now.tick;
        let late =
            self.m.board.open_mut().filter(|job| !job.is_overdue && job.deadline.is_some_and(|d| tick >= d));
        let late: Vec<(u32, Kind)> = late
            .map(|job| {
                job.is_overdue = true;
                (job.id, job.kind)
            })
            .collect();
        self.m.board.late += late.len() as u32;
        for (id, kind) in late {
            self.tell(Level::Warning, "task_overdue", format!("task {id} ({}) is overdue", kind.name()));
        }
    }

    /// Says of every waiting task why nobody can take it, if that is so.
    fn explain(&mut self, is_held: bool) {
        let reasons = Kind::ALL.map(|(_, kind, _)| self.obstacle_to(kind));
        let early: Vec<u32> =
            self.m.board.open().filter(|job| self.m.board.is_early(job)).map(|job| job.id).collect();
        for job in self.m.board.open_mut().filter(|job| job.holder.is_none()) {
            job.blocked = match () {
                () if is_held => Some("a rule holds everyone".into()),
                () if early.binary_search(&job.id).is_ok() => {
                    job.after.map(|before| format!("waits for task {before}").into())
                }
                () => reasons[job.kind as usize].map(Into::into),
            };
        }
    }

    /// Why no drone can take a task of this kind, if none can.
    pub(super) fn obstacle_to(&self, kind: Kind) -> Option<&'static str> {
        let able = |i: &usize| self.can(*i, kind.needs()) && (kind != Kind::Resupply || self.is_carrier(*i));
        let alive: Vec<usize> =
            (0..self.m.crew.len()).filter(able).filter(|&i| self.m.crew[i].is_alive()).collect();
        if alive.is_empty() {
            return Some(NOBODY_CAN);
        }
        let all = |what: &dyn Fn(usize) -> bool| alive.iter().all(|&i| what(i));
        if kind == Kind::Clean && all(&|i| self.m.crew[i].is_thirsty) {
            return Some(if self.may_be_served(0) { "the workers wait for fluid" } else { NOBODY_SUPPLIES });
        }
        let is_away = |i: usize| {
            matches!(
                self.m.crew[i].activity,
                Activity::Charging | Activity::Returning | Activity::Filling | Activity::Queueing
            )
        };
        all(&is_away).then_some("whoever can do it is charged or filled")
    }

    fn share_out(&mut self, kind: Kind) {
        let mut jobs: Vec<u32> = Vec::new();
        let mut lots: Vec<Lot> = Vec::new();
        for job in self.m.board.of(kind) {
            if job.holder.is_some() || job.not_before > self.now.tick || self.m.board.is_early(job) {
                continue;
            }
            let age_s = (self.now.tick - job.since) as f64 * self.now.tick_s;
            let late_s = if job.is_overdue { LATE_S } else { 0.0 };
            jobs.push(job.id);
            lots.push(Lot {
                site: job.site,
                duration_s: job.duration_s - job.work_s,
                fluid_l: job.fluid_l,
                urgency_s: late_s + (AGE_SHARE * age_s).min(AGE_S_MAX),
            });
        }
        let members: Vec<usize> = (0..self.m.crew.len()).filter(|&i| self.is_available(i, kind)).collect();
        if lots.is_empty() || members.is_empty() {
            return;
        }
        let bidders: Vec<Bidder> = members.iter().map(|&i| self.bidder(i, kind)).collect();
        let crowd: Vec<(u32, Vec3)> = (self.m.board.of(Kind::Clean))
            .filter_map(|job| Some((job.holder?, job.site)))
            .filter(|_| kind == Kind::Clean)
            .collect();
        let extra_s = |bidder: usize, lot: usize| self.extra_s(members[bidder], lots[lot].site, &crowd, kind);
        let way_s = |who: &Bidder, from: Vec3, to: Vec3| match to == who.home {
            true => self.way_s(who.speed_mps, who.climb_mps, from, to) + self.landing_s(who),
            false => self.way_s(who.speed_mps, who.climb_mps, from, to),
        };
        let market = Market { bidders: &bidders, lots: &lots, extra_s: &extra_s, way_s: &way_s };
        let awards = (self.now.spec.allocation.rule())(&market);
        for award in awards {
            let (i, job) = (members[award.bidder], jobs[award.lot]);
            let serial = self.m.crew[i].serial;
            if self.m.board.get(job).is_none_or(|job| job.holder.is_some()) {
                continue;
            }
            self.m.board.award(job, serial);
            self.m.crew[i].jobs.push(job);
            if self.m.crew[i].jobs.len() == 1 {
                self.m.crew[i].began = self.now.tick;
                self.m.crew[i].is_in_lane = false;
            }
        }
    }

    /// Whether a member may take tasks of a kind now.
    fn is_available(&self, i: usize, kind: Kind) -> bool {
        let member = &self.m.crew[i];
        let Some(sight) = self.sight(i) else { return false };
        let is_ready = match sight.doing {
            Doing::Free => true,
            Doing::Standing => matches!(member.activity, Activity::Grounded),
            Doing::Climbing | Doing::Coming => false,
        };
        let is_free = !matches!(
            member.activity,
            Activity::Lost | Activity::Silent | Activity::Manual | Activity::Returning | Activity::Charging
        );
        let has_supply = match kind {
            Kind::Clean => !member.is_thirsty,
            Kind::Resupply => self.is_carrier(i),
            _ => true,
        };
        self.can(i, kind.needs()) && is_ready && is_free && has_supply && member.evading.is_none()
    }

    /// A member as the allocation sees it.
    fn bidder(&self, i: usize, kind: Kind) -> Bidder {
        let (member, own) = (&self.m.crew[i], self.kind(i));
        let (position, home, doing) = self
            .sight(i)
            .map_or((Vec3::ZERO, Vec3::ZERO, Doing::Standing), |s| (s.position, s.home, s.doing));
        let (mut end, mut fluid_l) = (position, member.fluid_l);
        let mut ready_s = if doing == Doing::Standing { TAKEOFF_S } else { 0.0 };
        for job in member.jobs.iter().filter_map(|&job| self.m.board.get(job)) {
            ready_s +=
                self.way_s(own.speed_mps_max, own.climb_mps_max, end, job.site) + job.duration_s - job.work_s;
            fluid_l -= job.fluid_l * (1.0 - job.progress());
            end = job.site;
        }
        let is_idle = member.jobs.is_empty();
        let is_lined_up = matches!(kind, Kind::Clean | Kind::Inspect | Kind::Scan);
        let room = match is_lined_up {
            true => (self.now.spec.general.horizon as usize).saturating_sub(member.jobs.len()),
            false => usize::from(is_idle),
        };
        Bidder {
            end,
            ready_s,
            room,
            is_idle,
            speed_mps: own.speed_mps_max,
            climb_mps: own.climb_mps_max.min(own.descent_mps_max),
            budget_s: self.budget_s(i),
            fluid_l,
            home,
        }
    }

    /// Seconds that a landing takes beside the way.
    fn landing_s(&self, who: &Bidder) -> f64 {
        30.0 + self.now.way_home_m / who.climb_mps
    }

    fn extra_s(&self, i: usize, place: Vec3, crowd: &[(u32, Vec3)], kind: Kind) -> f64 {
        let member = &self.m.crew[i];
        let is_crowded =
            crowd.iter().any(|&(holder, site)| holder != member.serial && site.distance(place) < CROWD_M);
        let lifeline = member.line.filter(|_| kind == Kind::Clean).and_then(|line| self.member_of(line.to));
        let leaves = lifeline
            .and_then(|k| self.sight(k))
            .is_some_and(|s| !site::sees(self.now.scene, s.position, place));
        CROWD_S * f64::from(u8::from(is_crowded)) + UNTIE_S * f64::from(u8::from(leaves))
    }
}
