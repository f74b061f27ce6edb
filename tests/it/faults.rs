//! Faults of the network and of what answers on it, over real sockets: the end that the contract asks for, in words that
//! help, and never "ready".

mod proxies;
mod responses;
mod tls;

use crate::errors::{LOGIN, with_password};
use crate::support::{Answer, FakeCloud, Kind, Sandbox, TOKEN, each, json_reply, refusal, status};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::io::{Read, Write};
use std::net::{Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// What says ready, if anything does.
const GOOD: &str = r#"{"is_migrating":false,"full_migration_progress":100,"offset":0}"#;

fn done() -> Answer {
    json_reply(200, GOOD)
}

fn raw(head: &str, body: impl AsRef<[u8]>) -> Answer {
    Answer::Raw([format!("HTTP/1.1 {head}\r\n\r\n").as_bytes(), body.as_ref()].concat())
}

fn body(bytes: impl AsRef<[u8]>) -> Answer {
    raw(
        &format!("200 OK\r\nContent-Length: {}", bytes.as_ref().len()),
        bytes,
    )
}
