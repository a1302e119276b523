//! One drone in full, and every figure of a run, as HTTP answers them.

use serde_json::{Value, json};

use crate::sim::{Aggregate, METRICS, World};

/// Type, state, mission, command and faults of the drone at `index`.
pub fn describe(world: &World, index: usize) -> Value {
    let drone = &world.drones()[index];
    let state = world.shown(index);
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

/// Every figure with what it means, its value now and its aggregates over the run; and the safety report.
pub fn measured(world: &World) -> Value {
    let (metrics, aggregates) = (world.metrics(), world.aggregates());
    let figures: Vec<Value> = METRICS
        .iter()
        .map(|spec| {
            let run: Option<&Aggregate> =
                aggregates.iter().find(|(name, _)| *name == spec.name).map(|(_, aggregate)| aggregate);
            let mut figure = json!(spec);
            figure["value"] = json!((spec.read)(&metrics));
            figure["run"] = json!(run);
            figure
        })
        .collect();
    let [order_time_s, formation_time_s] = world.settling_times_s();
    json!({
        "tick": world.tick(),
        "sim_time_s": world.sim_time_s(),
        "metrics": figures,
        "order_time_s": order_time_s,
        "formation_time_s": formation_time_s,
        "fitness": world.fitness(),
        "safety": world.safety(),
    })
}
