//! `GET /metrics`: the server in numbers, for Prometheus.

use actix_web::HttpResponse;
use actix_web::web::Data;
use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram as HistogramProto, LabelPair, Metric, MetricFamily, MetricType,
};
use prometheus::{Encoder, TextEncoder};

use crate::contract::error::{ApiError, ErrorCode};
use crate::contract::record::DatabaseState;
use crate::swarm::Histogram;

use super::Api;

/// Families under construction. The numbers live where they arise; here they are only read out.
#[derive(Default)]
struct Exposition(Vec<MetricFamily>);

impl Exposition {
    fn family(&mut self, name: &str, help: &str, kind: MetricType, metrics: Vec<Metric>) {
        if metrics.is_empty() {
            return;
        }
        let mut family = MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        family.set_metric(metrics);
        self.0.push(family);
    }

    fn gauges(&mut self, name: &str, help: &str, values: impl IntoIterator<Item = (Labels, f64)>) {
        let metric = |(labels, value): (Labels, f64)| {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            let mut metric = labelled(labels);
            metric.set_gauge(gauge);
            metric
        };
        self.family(name, help, MetricType::GAUGE, values.into_iter().map(metric).collect());
    }

    fn counters(&mut self, name: &str, help: &str, values: impl IntoIterator<Item = (Labels, f64)>) {
        let metric = |(labels, value): (Labels, f64)| {
            let mut counter = Counter::default();
            counter.set_value(value);
            let mut metric = labelled(labels);
            metric.set_counter(counter);
            metric
        };
        self.family(name, help, MetricType::COUNTER, values.into_iter().map(metric).collect());
    }

    fn histograms(&mut self, name: &str, help: &str, values: impl IntoIterator<Item = (Labels, Histogram)>) {
        let metric = |(labels, histogram): (Labels, Histogram)| {
            let mut below = 0;
            let buckets = Histogram::BOUNDS_MS.iter().zip(histogram.counts).map(|(bound_ms, count)| {
                below += count;
                let mut bucket = Bucket::default();
                bucket.set_upper_bound(bound_ms / 1e3);
                bucket.set_cumulative_count(below);
                bucket
            });
            let mut proto = HistogramProto::default();
            proto.set_bucket(buckets.collect());
            proto.set_sample_count(histogram.count());
            proto.set_sample_sum(histogram.sum_s);
            let mut metric = labelled(labels);
            metric.set_histogram(proto);
            metric
        };
        self.family(name, help, MetricType::HISTOGRAM, values.into_iter().map(metric).collect());
    }
}

type Labels = Vec<(&'static str, String)>;

fn labelled(labels: Labels) -> Metric {
    let pairs = labels.into_iter().map(|(name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value);
        pair
    });
    let mut metric = Metric::default();
    metric.set_label(pairs.collect());
    metric
}

/// The metrics of every swarm, of the Socket.IO server and of the recorder.
pub async fn metrics(api: Data<Api>) -> Result<HttpResponse, ApiError> {
    let mut out = Exposition::default();
    swarm_metrics(&api, &mut out);
    wire_metrics(&api, &mut out);
    database_metrics(&api, &mut out);
    let mut text = Vec::new();
    TextEncoder::new().encode(&out.0, &mut text).map_err(|error| {
        ApiError::new(ErrorCode::Internal, format!("the metrics cannot be written: {error}"))
    })?;
    Ok(HttpResponse::Ok().content_type(prometheus::TEXT_FORMAT).body(text))
}

fn swarm_metrics(api: &Api, out: &mut Exposition) {
    let swarms: Vec<_> =
        api.gateway.swarms().into_iter().map(|flying| (flying.pulse.vitals(), flying)).collect();
    let label = |flying: &crate::gateway::Flying| vec![("swarm", flying.id.to_string())];
    macro_rules! each {
        ($read:expr) => {
            swarms.iter().map(|(vitals, flying)| (label(flying), $read(vitals)))
        };
    }
    use crate::swarm::Vitals;
    out.histograms("hmrs_tick_seconds", "Time to compute a tick.", each!(|v: &Vitals| v.tick_time.clone()));
    out.histograms(
        "hmrs_tick_lateness_seconds",
        "Delay of a tick behind its due time.",
        each!(|v: &Vitals| v.lateness.clone()),
    );
    out.counters("hmrs_ticks", "Newest tick of the run.", each!(|v: &Vitals| v.tick as f64));
    out.counters(
        "hmrs_ticks_missed_total",
        "Ticks given up because the machine could not keep pace.",
        each!(|v: &Vitals| v.missed_ticks as f64),
    );
    out.gauges(
        "hmrs_tick_age_seconds",
        "Time since the swarm last came round.",
        each!(|v: &Vitals| v.beat_age_ms as f64 / 1e3),
    );
    out.counters(
        "hmrs_intents_late_total",
        "Drones that decided too late for their tick.",
        each!(|v: &Vitals| v.late_intents as f64),
    );
    out.counters(
        "hmrs_drone_crashes_total",
        "Drone actors replaced after a panic.",
        each!(|v: &Vitals| v.crashes as f64),
    );
    out.counters(
        "hmrs_publications_lost_total",
        "Tick reports that the gateway had no room for.",
        each!(|v: &Vitals| v.published_lost as f64),
    );
    let ages = swarms.iter().map(|(_, flying)| (label(flying), flying.frame_age.read()));
    out.histograms(
        "hmrs_frame_age_seconds",
        "From a tick to the moment at which a frame of it is sent.",
        ages,
    );
    let clients = swarms.iter().map(|(_, flying)| (label(flying), flying.namespace.len() as f64));
    out.gauges("hmrs_clients", "Connected Socket.IO clients.", clients);
    let drones = swarms.iter().filter_map(|(_, flying)| {
        Some((label(flying), flying.desk.now()?.report.snapshot.drones.len() as f64))
    });
    out.gauges("hmrs_drones", "Drones in the swarm.", drones);
}

fn wire_metrics(api: &Api, out: &mut Exposition) {
    let latency = [(Vec::new(), api.gateway.commons().command_latency.read())];
    out.histograms(
        "hmrs_command_seconds",
        "From a command's arrival to its ack, which waits for a disk.",
        latency,
    );
    let stats = api.gateway.commons().io.stats();
    let by_transport = [("polling", stats.sessions_polling), ("websocket", stats.sessions_websocket)];
    let sessions =
        by_transport.map(|(transport, count)| (vec![("transport", transport.to_owned())], count as f64));
    out.gauges("hmrs_sessions", "Open Engine.IO sessions.", sessions);
    let refusals = stats.refusals().map(|(why, count)| (vec![("why", why.to_owned())], count as f64));
    out.counters(
        "hmrs_refused_total",
        "Requests, packets and clients that were refused or given up.",
        refusals,
    );
    for (name, help, value) in [
        ("hmrs_parse_errors_total", "Clients disconnected for what is not the protocol.", stats.parse_errors),
        ("hmrs_recoveries_total", "Clients that came back and had lost nothing.", stats.recoveries),
        ("hmrs_frames_queued_total", "Packets laid into the outboxes of clients.", stats.frames_queued),
        (
            "hmrs_frames_conflated_total",
            "Frames replaced by newer ones before a slow client took them.",
            stats.frames_conflated,
        ),
        ("hmrs_frames_dropped_total", "Packets that a closed session left unsent.", stats.frames_dropped),
        (
            "hmrs_outbox_overflows_total",
            "Clients disconnected because they did not take their events.",
            stats.overflows,
        ),
        ("hmrs_packets_received_total", "Packets from clients.", stats.packets_in),
        ("hmrs_bytes_sent_total", "Bytes handed to clients.", stats.bytes_out),
        ("hmrs_bytes_received_total", "Bytes from clients.", stats.bytes_in),
    ] {
        out.counters(name, help, [(Vec::new(), value as f64)]);
    }
}

fn database_metrics(api: &Api, out: &mut Exposition) {
    let recorder = &api.gateway.commons().recorder;
    let lag = [(Vec::new(), recorder.lag())];
    out.histograms("hmrs_database_commit_seconds", "From the oldest record of a batch to its commit.", lag);
    let health = recorder.health();
    let spool = health.spool.clone().unwrap_or_default();
    for (name, help, value) in [
        (
            "hmrs_database_up",
            "1 if the database takes rows.",
            f64::from(u8::from(health.state == DatabaseState::Ok)),
        ),
        ("hmrs_database_queue_records", "Records that wait for the database.", health.queued_records as f64),
        ("hmrs_database_queue_bytes", "Their size in memory.", health.queued_bytes as f64),
        (
            "hmrs_commands_refused",
            "1 while commands are refused because neither database nor spool takes anything.",
            f64::from(u8::from(health.refusing.is_some())),
        ),
        ("hmrs_spool_records", "Records that wait on disk for the database.", spool.records as f64),
        ("hmrs_spool_bytes", "Their size.", spool.bytes as f64),
        ("hmrs_spool_bytes_max", "The bound on it.", spool.bytes_max as f64),
        (
            "hmrs_database_lag_seconds",
            "Age of the oldest record that is not committed.",
            health.lag_ms as f64 / 1e3,
        ),
    ] {
        out.gauges(name, help, [(Vec::new(), value)]);
    }
    for (name, help, value) in [
        ("hmrs_database_rows_total", "Rows committed.", health.written_rows),
        (
            "hmrs_database_telemetry_dropped_total",
            "Telemetry ticks dropped for want of room.",
            health.dropped_telemetry,
        ),
        (
            "hmrs_spool_telemetry_dropped_total",
            "Telemetry ticks dropped from the spool at its bound.",
            spool.dropped_telemetry,
        ),
        (
            "hmrs_database_records_refused_total",
            "Records that the database refuses; each is in the log.",
            health.set_aside,
        ),
    ] {
        out.counters(name, help, [(Vec::new(), value as f64)]);
    }
}
