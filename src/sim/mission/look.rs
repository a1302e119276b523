//! What sensors bring in: scouts fill the map and find windows, overseers judge what was cleaned.

use super::super::drone_type::Capability;
use super::super::rng::{Channel, Stream};
use super::super::{Level, Vec3, geodesy};
use super::job::{Kind, Subject};
use super::map::Eye;
use super::{Activity, Doing, Round, Status, site};

/// Windows are recognised within 72 degrees of their normal …
const COS_FIND: f64 = 0.3;
/// … and judged within 60.
const COS_JUDGE: f64 = 0.5;
/// A window is taken for real after so many finds.
const FINDS: u32 = 2;
/// Pictures are sharp below this speed.
const SHARP_MPS: f64 = 2.0;

impl Round<'_> {
    pub(super) fn look(&mut self) {
        if !self.m.phase.is_active() {
            return;
        }
        for i in 0..self.m.crew.len() {
            let Some(sight) = self.sight(i).filter(|sight| sight.doing != Doing::Standing) else { continue };
            if matches!(self.m.crew[i].activity, Activity::Lost | Activity::Silent) {
                continue;
            }
            let (position, heading_deg, serial) = (sight.position, sight.heading_deg, sight.serial);
            let is_sharp = sight.velocity.norm() < SHARP_MPS;
            if self.can(i, Capability::Scan) {
                self.scout(position, heading_deg, serial);
            }
            if self.can(i, Capability::Inspect) && is_sharp {
                self.judge(position, heading_deg, serial);
            }
        }
    }

    fn scout(&mut self, position: Vec3, heading_deg: f64, serial: u32) {
        let scan = &self.now.spec.scan;
        let eye = Eye {
            position,
            forward: geodesy::direction_of(heading_deg),
            range_m: scan.range_m,
            cos_half_fov: cos_half(scan.fov_deg),
            sin_half_fov: sin_half(scan.vertical_fov_deg),
        };
        self.m.map.look(&eye, self.now.scene);
        let mut stream = Stream::new(self.now.seed, serial, self.now.tick, Channel::Look);
        for (number, window) in self.now.spec.layout.windows.iter().enumerate() {
            if self.m.windows[number].status != Status::Unknown
                || !faces(&eye, window.center, window.outward, COS_FIND)
                || !site::sees(self.now.scene, position, window.center + window.outward * 0.05)
            {
                continue;
            }
            if stream.uniform() < scan.detect {
                let measured = self.m.truth.dirt[number] + scan.noise * stream.gaussian_pair().0;
                self.m.windows[number].fuse(measured);
                if self.m.windows[number].looks >= FINDS {
                    self.find(number);
                }
            }
        }
    }

    /// A window is found: it is to be cleaned, and then to be checked.
    fn find(&mut self, number: usize) {
        let layout = &self.now.spec.layout;
        let building = layout.building_of(number);
        if !std::mem::replace(&mut self.m.found[building], true) {
            let message = format!("{} is found", layout.buildings[building].name);
            self.tell(Level::Info, "building_found", message);
        }
        self.m.windows[number].status = Status::Dirty;
        self.m.windows[number].found_at = Some(self.now.tick);
        self.put_to_clean(number);
    }

    pub(super) fn put_to_clean(&mut self, number: usize) {
        let (spec, now) = (self.now.spec, self.now.tick);
        let window = &spec.layout.windows[number];
        let subject = Subject::Window(number as u32);
        let work_s = spec.clean.work_s * self.m.windows[number].dirt.clamp(0.1, 1.0);
        let site = window.center + window.outward * spec.clean.standoff_m;
        let clean = self.m.board.put(Kind::Clean, subject.clone(), site, work_s, now);
        if let Some(job) = self.m.board.get_mut(clean) {
            job.fluid_l = work_s * spec.clean.fluid_lps;
            job.deadline = (spec.clean.deadline_s > 0.0).then(|| now + self.now.ticks(spec.clean.deadline_s));
        }
        let look_s = spec.inspect.looks * self.now.dt;
        let site = window.center + window.outward * spec.inspect.standoff_m;
        let inspect = self.m.board.put(Kind::Inspect, subject, site, look_s, now);
        if let Some(job) = self.m.board.get_mut(inspect) {
            job.after = Some(clean);
        }
        self.m.windows[number].jobs = [Some(clean), Some(inspect)];
    }

    fn judge(&mut self, position: Vec3, heading_deg: f64, serial: u32) {
        let inspect = &self.now.spec.inspect;
        let eye = Eye {
            position,
            forward: geodesy::direction_of(heading_deg),
            range_m: inspect.range_m,
            cos_half_fov: cos_half(inspect.fov_deg),
            sin_half_fov: sin_half(inspect.fov_deg),
        };
        let mut stream = Stream::new(self.now.seed, serial, self.now.tick, Channel::Look);
        for (number, window) in self.now.spec.layout.windows.iter().enumerate() {
            if self.m.windows[number].status != Status::Cleaned
                || !faces(&eye, window.center, window.outward, COS_JUDGE)
                || !site::sees(self.now.scene, position, window.center + window.outward * 0.05)
            {
                continue;
            }
            let measured = self.m.truth.dirt[number] + inspect.noise * stream.gaussian_pair().0;
            self.m.windows[number].fuse(measured);
            if let Some(job) = self.m.windows[number].jobs[1].and_then(|job| self.m.board.get_mut(job)) {
                job.work_s += self.now.dt;
            }
            if f64::from(self.m.windows[number].looks) >= inspect.looks {
                self.decide(number, serial);
            }
        }
    }

    /// Enough was seen of a cleaned window.
    fn decide(&mut self, number: usize, serial: u32) {
        if let Some(job) = self.m.windows[number].jobs[1].take() {
            let holder = self.m.board.get(job).and_then(|job| job.holder);
            let judge = self.member_of(holder.unwrap_or(serial));
            self.withdraw(job);
            self.m.board.done += 1;
            if let Some(i) = judge {
                self.m.crew[i].done += 1;
            }
        }
        let residue = self.m.windows[number].dirt;
        if residue <= self.now.spec.inspect.residue_max {
            self.m.windows[number].status = Status::Verified;
            self.m.windows[number].verified_at = Some(self.now.tick);
            return;
        }
        self.m.windows[number].status = Status::Rejected;
        self.m.rejections += 1;
        let message = format!("{} is not clean: sent back", self.now.spec.layout.name(number));
        match self.member_of(serial) {
            Some(i) => self.tell_of(i, Level::Info, "window_rejected", message),
            None => self.tell(Level::Info, "window_rejected", message),
        }
        self.put_to_clean(number);
    }
}

/// Whether a surface is in view, and looks towards the eye within the angle of this cosine.
fn faces(eye: &Eye, center: Vec3, outward: Vec3, cos: f64) -> bool {
    let back = eye.position - center;
    back.dot(outward) > cos * back.norm() && eye.covers(center)
}

fn cos_half(deg: f64) -> f64 {
    libm::cos(deg.to_radians() / 2.0)
}

fn sin_half(deg: f64) -> f64 {
    libm::sin(deg.to_radians() / 2.0)
}
