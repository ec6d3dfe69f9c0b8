//! What is logged of a request: its name and time, never what is in it.

use std::{
    io,
    sync::{Arc, Mutex, OnceLock},
};

use axum::{body::Body, http};
use causeway::node::Outcome;
use serde_json::Value;
use tracing::Level;

use crate::fake::{Fake, key_answer};

/// Lines of JSON.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Everything that is logged in this process. To be called before the first request of any test: whether anyone listens to a line
/// is asked once a process, when it is first come by.
pub fn listen() -> &'static Lines {
    static LINES: OnceLock<Lines> = OnceLock::new();
    LINES.get_or_init(|| {
        let lines = Lines::default();
        let writer = lines.clone();
        tracing_subscriber::fmt().json().with_max_level(Level::DEBUG).with_writer(move || writer.clone()).init();
        lines
    })
}

impl Lines {
    /// What was logged of one request.
    fn of(&self, request_id: &str) -> Vec<Value> {
        let bytes = self.0.lock().unwrap();
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let parsed = lines.map(|line| serde_json::from_slice::<Value>(line).expect("a line of JSON"));
        parsed.filter(|line| line["fields"]["request_id"] == request_id).collect()
    }
}

#[tokio::test]
async fn each_request_is_one_line_and_a_slow_one_stands_out() {
    let fake = Fake::answering(key_answer(Outcome::Created));
    for (request_us, level, message) in [(500_000, "DEBUG", "request"), (500_001, "WARN", "slow request")] {
        fake.takes_us(request_us);
        let name = format!("takes-{request_us}");
        let request = http::Request::put("/kvs/secret-key?secret=1").header("x-request-id", name.as_str());
        fake.call(request.body(Body::from(r#"{"value":"secret-value"}"#)).unwrap()).await;
        let logged = listen().of(&name);
        let [line] = logged.as_slice() else { panic!("{} lines", logged.len()) };
        let fields = &line["fields"];
        assert_eq!((line["level"].as_str(), fields["message"].as_str()), (Some(level), Some(message)));
        assert_eq!(fields["latency_us"], request_us);
        assert_eq!((&fields["method"], &fields["route"], &fields["status"]), (&"PUT".into(), &"/kvs/{*key}".into(), &201.into()));
        assert!(!line.to_string().contains("secret"), "{line}");
    }
}
