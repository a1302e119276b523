//! One drone in full, as `GET /api/drones/{id}` answers it.

use serde_json::{Value, json};

use crate::sim::World;

/// Type, state, mission, command and faults of the drone at `index`.
pub fn describe(world: &World, index: usize) -> Value {
    let drone = &world.drones()[index];
    let state = &world.snapshot().drones[index];
    let order = drone.order().map(|order| {
        json!({ "ticket": order.ticket, "command": order.name, "deadline_tick": order.deadline, "progress_pct": order.progress_pct })
    });
    let mission =
        drone.mission().map(|mission| json!({ "mission": **mission, "waypoint": drone.leg().waypoint }));
    let mut description = json!(state);
    description["id"] = json!(drone.id());
    description["type"] = json!(world.types()[drone.type_index()]);
    description["group"] = json!(drone.group());
    description["home"] = json!(drone.home());
    description["mission"] = json!(mission);
    description["command"] = json!(order);
    description["restarts"] = json!(drone.restarts());
    description["tick"] = json!(world.tick());
    description
}
