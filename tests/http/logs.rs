//! What is logged of a request: its name and time, never what is in it.

use std::{
    io,
    sync::{Arc, Mutex},
};

use axum::{body::Body, http};
use causeway::node::Outcome;
use serde_json::Value;
use tracing::Level;

use crate::fake::{Fake, key_answer};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// What was logged since the last time.
    fn take(&self) -> Vec<Value> {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap());
        bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    }
}

#[tokio::test]
async fn each_request_is_one_line_and_a_slow_one_stands_out() {
    let lines = Lines::default();
    let writer = lines.clone();
    let logger = tracing_subscriber::fmt().json().with_max_level(Level::DEBUG).with_writer(move || writer.clone()).finish();
    let _logging = tracing::subscriber::set_default(logger);
    let fake = Fake::answering(key_answer(Outcome::Created));
    for (request_us, level, message) in [(500_000, "DEBUG", "request"), (500_001, "WARN", "slow request")] {
        fake.takes_us(request_us);
        let request = http::Request::put("/kvs/secret-key?secret=1").header("x-request-id", "mine");
        fake.call(request.body(Body::from(r#"{"value":"secret-value"}"#)).unwrap()).await;
        let logged = lines.take();
        let [line] = logged.as_slice() else { panic!("{} lines", logged.len()) };
        let fields = &line["fields"];
        assert_eq!((line["level"].as_str(), fields["message"].as_str()), (Some(level), Some(message)));
        assert_eq!((&fields["request_id"], &fields["latency_us"]), (&"mine".into(), &request_us.into()));
        assert_eq!((&fields["method"], &fields["route"], &fields["status"]), (&"PUT".into(), &"/kvs/{*key}".into(), &201.into()));
        assert!(!line.to_string().contains("secret"), "{line}");
    }
}
