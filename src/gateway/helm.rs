//! The way to whoever flies a swarm: a live `Swarm`, or a `Replay` of a recorded run.

use actix::dev::ToEnvelope;
use actix::prelude::*;

use crate::contract::error::{ApiError, ErrorCode};
use crate::swarm::{Describe, ListParams, Measure, Shutdown, Submit};

/// Takes what a swarm is asked.
#[derive(Clone)]
pub struct Helm {
    submit: Recipient<Submit>,
    describe: Recipient<Describe>,
    params: Recipient<ListParams>,
    measure: Recipient<Measure>,
    shutdown: Recipient<Shutdown>,
}

impl Helm {
    /// The way to the actor at `address`.
    pub fn of<A>(address: Addr<A>) -> Self
    where
        A: Actor
            + Handler<Submit>
            + Handler<Describe>
            + Handler<ListParams>
            + Handler<Measure>
            + Handler<Shutdown>,
        A::Context: ToEnvelope<A, Submit>
            + ToEnvelope<A, Describe>
            + ToEnvelope<A, ListParams>
            + ToEnvelope<A, Measure>
            + ToEnvelope<A, Shutdown>,
    {
        Self {
            submit: address.clone().recipient(),
            describe: address.clone().recipient(),
            params: address.clone().recipient(),
            measure: address.clone().recipient(),
            shutdown: address.recipient(),
        }
    }

    /// Gives a command.
    ///
    /// # Errors
    /// What is wrong with it; `unavailable` when the swarm has ended.
    pub async fn submit(&self, submit: Submit) -> Result<crate::contract::outgoing::Ack, ApiError> {
        self.submit.send(submit).await.map_err(|_| ended())?
    }

    /// One drone in full; `None` if there is no such drone.
    ///
    /// # Errors
    /// `unavailable` when the swarm has ended. So below.
    pub async fn describe(&self, id: String) -> Result<Option<serde_json::Value>, ApiError> {
        self.describe.send(Describe(id)).await.map_err(|_| ended())
    }

    /// The tunable parameters.
    pub async fn params(&self) -> Result<Vec<crate::sim::ParamSpec>, ApiError> {
        self.params.send(ListParams).await.map_err(|_| ended())
    }

    /// Every figure, now.
    pub async fn measure(&self) -> Result<serde_json::Value, ApiError> {
        self.measure.send(Measure).await.map_err(|_| ended())
    }

    /// Closes the run. A swarm that has already ended is what was asked for.
    pub async fn shutdown(&self) {
        let _ = self.shutdown.send(Shutdown).await;
    }
}

fn ended() -> ApiError {
    ApiError::new(ErrorCode::Unavailable, "this swarm has ended")
}
