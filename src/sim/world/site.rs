//! Fences drawn in flight.

use std::sync::Arc;

use super::super::Level;
use super::super::command::{Command, CommandError, ErrorCode};
use super::super::scenario::{HEIGHT_MAX, SECTIONS_MAX};
use super::super::scene::{Fence, FenceAction, Scene};
use super::World;
use super::apply::{check_name, check_region, shorten, within};

impl World {
    /// What is wrong with a command that changes fences.
    pub(super) fn check_fence(&self, command: &Command) -> Result<(), CommandError> {
        let is_known = |name: &str| self.scene.fences.iter().any(|fence| fence.name == name);
        match command {
            Command::SetFence { name, polygon, floor_m, ceiling_m, .. } => {
                check_name("name", name)?;
                check_region("polygon", polygon)?;
                within("floor_m", *floor_m, 0.0..=HEIGHT_MAX)?;
                within("ceiling_m", *ceiling_m, 0.0..=HEIGHT_MAX)?;
                if let (Some(floor), Some(ceiling)) = (floor_m, ceiling_m)
                    && ceiling <= floor
                {
                    let message = format!("{ceiling} is not above the floor, {floor}");
                    return Err(CommandError::new(ErrorCode::OutOfRange, "ceiling_m", message));
                }
                if !is_known(name) && self.scene.fences.len() >= SECTIONS_MAX {
                    let message = format!("{SECTIONS_MAX} fences are there already");
                    return Err(CommandError::new(ErrorCode::TooLarge, "name", message));
                }
                Ok(())
            }
            Command::RemoveFence { name } if !is_known(name) => {
                let known: Vec<&str> = self.scene.fences.iter().map(|fence| fence.name.as_str()).collect();
                let message =
                    format!("there is no fence {:?}; there are {}", shorten(name), known.join(", "));
                Err(CommandError::new(ErrorCode::BadRequest, "name", message))
            }
            _ => Ok(()),
        }
    }

    /// Changes the fences. The command has been checked.
    pub(super) fn redraw(&mut self, command: &Command) {
        let mut fences = self.scene.fences.clone();
        let message = match command {
            Command::SetFence { name, kind, polygon, floor_m, ceiling_m, action } => {
                let fence = Fence {
                    name: name.clone(),
                    kind: *kind,
                    polygon: polygon.clone(),
                    floor_m: *floor_m,
                    ceiling_m: *ceiling_m,
                    action: action.unwrap_or(FenceAction::Hold),
                };
                match fences.iter_mut().find(|known| known.name == *name) {
                    Some(known) => *known = fence,
                    None => fences.push(fence),
                }
                format!("the fence {name} has {} corners now", polygon.len())
            }
            Command::RemoveFence { name } => {
                fences.retain(|known| known.name != *name);
                format!("the fence {name} is gone")
            }
            _ => return,
        };
        self.scene = Arc::new(Scene::new(self.scene.obstacles.clone(), fences));
        self.paths_changed();
        self.tell(Level::Info, Arc::clone(&self.swarm), "fence", message);
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Scenario, Targets, builtin};
    use super::*;

    fn fence(name: &str) -> Command {
        serde_json::from_value(serde_json::json!({ "command": "set_fence", "params": {
            "name": name, "kind": "keep_out", "polygon": [[0, 0], [9, 0], [9, 9]], "ceiling_m": 30
        } }))
        .unwrap()
    }

    #[test]
    fn fences_drawn_in_flight_come_back_with_a_saved_world() {
        let text = builtin::list().iter().find(|(name, _)| *name == "hello").unwrap().1;
        let scenario = Arc::new(Scenario::parse(text).unwrap());
        let mut world = World::new(scenario.clone(), 1);
        for name in ["a", "b", "a"] {
            world.apply(&fence(name), &Targets::All, 0).unwrap();
        }
        world.apply(&Command::RemoveFence { name: "site".into() }, &Targets::All, 0).unwrap();
        let names = |world: &World| world.scene.fences.iter().map(|f| f.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&world), ["a", "b"]);
        let restored = World::restore(scenario, &world.save().unwrap()).unwrap();
        assert_eq!(restored.scene, world.scene);
        assert!(world.apply(&Command::RemoveFence { name: "site".into() }, &Targets::All, 0).is_err());
    }
}
