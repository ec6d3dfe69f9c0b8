//! What a replicated write costs at least: an axum server that writes what has come since its last sync as one batch, ships the batch
//! to its followers meanwhile, and answers when it is on its own disk and on that of one of them. No clock, no token that means
//! anything, no order between keys, no recovery, no check of anything. `bench/run` measures the server against it.
//!
//! Usage: `shipping_axum leads HOST:PORT FILE FOLLOWER...`, `shipping_axum follows HOST:PORT FILE`

#![expect(clippy::disallowed_methods, reason = "a server of the real world, without any of what is measured against it")]

mod serve;

use std::{
    collections::BTreeMap,
    error::Error,
    fs::File,
    io::{Read, Write},
    net, thread,
};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing,
};
use serde_json::value::RawValue;
use serve::{malformed, serve, value_in, written};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{mpsc, oneshot, watch},
};

/// A write, and who waits for it to be on two disks.
struct Pending {
    key: String,
    value: Box<RawValue>,
    /// Told whether the key was new.
    done: oneshot::Sender<bool>,
}

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [role, address, file, followers @ ..] if role == "leads" => lead(address, File::create(file)?, followers).await,
        [role, address, file] if role == "follows" => {
            let (listener, file) = (net::TcpListener::bind(address)?, File::create(file)?);
            tokio::task::spawn_blocking(move || follow(&listener, file)).await?
        }
        _ => Err("usage: shipping_axum leads HOST:PORT FILE FOLLOWER... | follows HOST:PORT FILE".into()),
    }
}

/// Appends each batch of its leader, and says that it has it.
fn follow(listener: &net::TcpListener, mut file: File) -> Result<()> {
    let (mut leader, _) = listener.accept()?;
    leader.set_nodelay(true)?;
    let (mut head, mut batch) = ([0; 12], Vec::new());
    loop {
        leader.read_exact(&mut head)?;
        let (number, length) = head.split_at(8);
        batch.resize(u32::from_le_bytes(length.try_into()?) as usize, 0);
        leader.read_exact(&mut batch)?;
        file.write_all(&batch)?;
        file.sync_data()?;
        leader.write_all(number)?;
    }
}

async fn lead(address: &str, file: File, followers: &[String]) -> Result<()> {
    let (held, newest_held) = watch::channel(0);
    let mut shipments = Vec::new();
    for follower in followers {
        let stream = TcpStream::connect(follower).await?;
        stream.set_nodelay(true)?;
        let (ship, batches) = mpsc::unbounded_channel();
        tokio::spawn(pass_on(stream, batches, held.clone()));
        shipments.push(ship);
    }
    let (writes, waiting) = mpsc::unbounded_channel();
    let (synced, to_answer) = mpsc::unbounded_channel();
    thread::spawn(move || commit(file, waiting, &shipments, &synced));
    tokio::spawn(answer(to_answer, newest_held));

    let router = Router::new().route("/kvs/{key}", routing::put(put)).with_state(writes);
    Ok(serve(address, router).await?)
}

async fn put(State(writes): State<mpsc::UnboundedSender<Pending>>, Path(key): Path<String>, body: Bytes) -> Response {
    let Some(value) = value_in(&body) else { return malformed() };
    let (done, is_done) = oneshot::channel();
    // Where nobody takes it, nobody answers either.
    let _ = writes.send(Pending { key, value, done });
    is_done.await.map_or_else(|_| StatusCode::SERVICE_UNAVAILABLE.into_response(), written)
}

type Batch = (u64, Vec<Pending>);

/// One batch after the other: shipped, and then synced here.
fn commit(
    mut file: File,
    mut waiting: mpsc::UnboundedReceiver<Pending>,
    shipments: &[mpsc::UnboundedSender<Bytes>],
    synced: &mpsc::UnboundedSender<Batch>,
) {
    const MOST: usize = 1_024;
    let (mut number, mut batch) = (0_u64, Vec::new());
    while waiting.blocking_recv_many(&mut batch, MOST) > 0 {
        number += 1;
        let mut frame = Vec::from(number.to_le_bytes());
        frame.extend([0; 4]);
        for write in &batch {
            frame.extend((write.key.len() as u32).to_le_bytes());
            frame.extend(write.key.as_bytes());
            frame.extend((write.value.get().len() as u32).to_le_bytes());
            frame.extend(write.value.get().as_bytes());
        }
        let length = (frame.len() - 12) as u32;
        frame[8..12].copy_from_slice(&length.to_le_bytes());
        let frame = Bytes::from(frame);
        for ship in shipments {
            // One that is gone gets nothing more.
            let _ = ship.send(frame.clone());
        }
        let written = file.write_all(&frame).and_then(|()| file.sync_data());
        if written.is_err() || synced.send((number, std::mem::take(&mut batch))).is_err() {
            return;
        }
    }
}

/// Sends batches to a follower and notes the newest that it says it has.
async fn pass_on(mut stream: TcpStream, mut batches: mpsc::UnboundedReceiver<Bytes>, held: watch::Sender<u64>) -> Result<()> {
    let (mut from, mut to) = stream.split();
    let send = async {
        while let Some(batch) = batches.recv().await {
            to.write_all(&batch).await?;
        }
        Result::Ok(())
    };
    let hear = async {
        loop {
            let number = from.read_u64_le().await?;
            held.send_if_modified(|held| number > std::mem::replace(held, number.max(*held)));
        }
    };
    tokio::select! {
        biased;
        sent = send => sent,
        heard = hear => heard,
    }
}

/// Answers what is on the disk here once a follower has it too.
async fn answer(mut synced: mpsc::UnboundedReceiver<Batch>, mut held: watch::Receiver<u64>) {
    let mut map: BTreeMap<String, Box<RawValue>> = BTreeMap::new();
    while let Some((number, batch)) = synced.recv().await {
        if held.wait_for(|held| *held >= number).await.is_err() {
            return;
        }
        for Pending { key, value, done } in batch {
            // Who has gone needs no answer.
            let _ = done.send(map.insert(key, value).is_none());
        }
    }
}
