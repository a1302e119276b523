//! A swarm whose thread is stuck is `down`, wherever one asks, and up again as soon as it is not.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use actix_web::{App, test};
use hmrs::contract::record::{DatabaseHealth, Durable, NotDurable, Record, Recorder, RecorderFull};
use hmrs::gateway::limits::{Allowances, Rate};
use hmrs::gateway::{Commons, DEFAULT_SWARM, Gateway};
use hmrs::http::{Api, assets::Assets, auth::Tokens, routes};
use hmrs::socketio::{Config, SocketIo};
use hmrs::swarm::{ASKED_MAX, Beginning, Settings, Shelf};
use serde_json::Value;

/// Holds up whoever records something, as a disk that has stopped answering would if anybody waited for it.
#[derive(Default)]
struct Stuck(AtomicBool);

impl Recorder for Stuck {
    fn record(&self, _: Record) -> Result<(), RecorderFull> {
        while self.0.load(Relaxed) {
            std::thread::park_timeout(Duration::from_millis(1));
        }
        Ok(())
    }

    fn ready(&self) -> Result<(), NotDurable> {
        Ok(())
    }

    fn durable(&self) -> Durable {
        Box::pin(async { Ok(()) })
    }

    fn health(&self) -> DatabaseHealth {
        DatabaseHealth::default()
    }
}

fn gateway(recorder: Arc<Stuck>) -> Gateway {
    let shelf = Arc::new(Shelf::default());
    let scenario = Arc::new(shelf.scenario("hello").unwrap().unwrap());
    let template = Settings {
        id: DEFAULT_SWARM.into(),
        scenario,
        seed: None,
        is_paused: false,
        threads: 1,
        asked_max: ASKED_MAX,
        intent_wait_max: Duration::from_millis(500),
        telemetry_every: 1,
        keyframe_every_s: 10.0,
    };
    let gateway = Gateway::new(Commons {
        io: SocketIo::new(Config::default()),
        shelf: shelf.clone(),
        recorder,
        archive: None,
        template: template.clone(),
        gatekeeper: Arc::new(Tokens::open()),
        allowances: Arc::new(Allowances::new(Rate { per_second: NonZeroU32::MIN, burst: NonZeroU32::MIN })),
        command_latency: Arc::default(),
        build: "test".into(),
    });
    gateway.launch(template, Beginning::Fresh).unwrap();
    gateway
}

#[actix_web::test]
async fn a_swarm_that_stands_still_is_down_until_it_goes_on() {
    let recorder = Arc::new(Stuck::default());
    let assets = Assets { console_dir: None, tiles: None, site_image: None };
    let api = Api::new(gateway(recorder.clone()), None, assets, Tokens::open());
    let app = test::init_service(App::new().configure(routes(api))).await;
    // What each says, and in which words.
    let ask = async |path: &str| {
        let answer = test::call_service(&app, test::TestRequest::get().uri(path).to_request()).await;
        (answer.status().as_u16(), test::read_body(answer).await)
    };
    let until = async |status: u16| {
        for _ in 0..2000 {
            let (found, body) = ask("/api/health").await;
            if found == status {
                return serde_json::from_slice::<Value>(&body).unwrap();
            }
            actix_rt::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("no {status} within ten seconds");
    };
    assert_eq!(until(200).await["status"], "ok");
    recorder.0.store(true, Relaxed);
    let health = until(503).await;
    assert_eq!((&health["status"], &health["ready"]), (&"down".into(), &false.into()));
    assert!(health["checks"]["simulation"]["tick_age_ms"].as_u64().unwrap() > 1000);
    for path in ["/healthz", "/readyz"] {
        assert_eq!(ask(path).await, (503, "a swarm stands still\n".into()), "{path}");
    }
    recorder.0.store(false, Relaxed);
    assert_eq!(until(200).await["ready"], true);
    for path in ["/healthz", "/readyz"] {
        assert_eq!(ask(path).await.0, 200, "{path}");
    }
}
