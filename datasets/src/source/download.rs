//! Downloads of files, which resume after an interruption.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::error::{DataError, Result};

/// The size in bytes of the pieces in which a response is read.
const CHUNK: usize = 1 << 16;

/// Downloads `url` to `<path>.part`, resuming an earlier attempt, and renames the file to `path` if it passes `check`.
/// `report` is called with the number of bytes on disk and the total size in bytes.
pub(super) fn download(
    url: &str,
    path: &Path,
    check: impl FnOnce(&Path) -> Result<()>,
    report: impl Fn(u64, Option<u64>),
) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(DataError::io("create", folder))?;
    let part = path.with_added_extension("part");
    let failed = |reason: String| DataError::Download { url: url.to_owned(), reason, path: path.to_path_buf() };
    fetch(url, &part, report).map_err(failed)?;
    if let Err(error) = check(&part) {
        let DataError::Checksum { kind, found, wanted, .. } = error else { return Err(error) };
        // The file is removed, because a resumed download would keep the wrong content.
        let _ = std::fs::remove_file(&part);
        return Err(failed(format!("the received file was removed, because its {kind} is {found}, expected {wanted}")));
    }
    std::fs::rename(&part, path).map_err(DataError::io("write", path))
}

/// Downloads the bytes of `url` that are missing at the end of the file `part`, and appends them.
fn fetch(url: &str, part: &Path, report: impl Fn(u64, Option<u64>)) -> std::result::Result<(), String> {
    let mut file = OpenOptions::new().create(true).append(true).open(part).map_err(|error| error.to_string())?;
    if let Err(TryLockError::WouldBlock) = file.try_lock() {
        return Err("another program is downloading the file; wait until it has finished".to_owned());
    }
    let have = file.metadata().map_err(|error| error.to_string())?.len();
    report(have, None);
    let agent = ureq::Agent::config_builder()
        .tls_config(TlsConfig::builder().root_certs(root_certificates()?).build())
        .timeout_connect(Some(Duration::from_secs(20)))
        .timeout_recv_response(Some(Duration::from_secs(30)))
        .timeout_recv_body(Some(Duration::from_secs(3600)))
        .build()
        .new_agent();
    let response = agent.get(url).header("Range", format!("bytes={have}-")).call();
    let mut response = match response {
        // Status 416: the requested range begins at the end of the file, so the file `part` is complete.
        Err(ureq::Error::StatusCode(416)) if have > 0 => return Ok(()),
        other => other.map_err(|error| describe(&error))?,
    };
    let resumed = response.status() == 206;
    if !resumed {
        file.set_len(0).map_err(|error| error.to_string())?;
    }
    let have = if resumed { have } else { 0 };
    let total = response.body().content_length().map(|left| left + have);
    let mut body = response.body_mut().with_config().limit(u64::MAX).reader();
    copy(&mut body, &mut file, have, total, report)
}

/// Returns the certificates that the system trusts, or the certificates that the environment variables [`CERTIFICATES`]
/// name. If the system has no certificates, returns the certificates of Mozilla, which are built into the program.
fn root_certificates() -> std::result::Result<RootCerts, String> {
    let loaded = rustls_native_certs::load_native_certs();
    match (loaded.certs.is_empty(), loaded.errors.first()) {
        (true, Some(error)) if CERTIFICATES.iter().any(|name| std::env::var_os(name).is_some()) => Err(format!(
            "no certificate can be read from the path in {} ({error}); correct the path",
            CERTIFICATES.join(" or ")
        )),
        (true, _) => Ok(RootCerts::WebPki),
        (false, _) => Ok(loaded.certs.iter().map(|der| Certificate::from_der(der).to_owned()).into()),
    }
}

/// The environment variables that replace the certificates of the system. The first holds the path of a file with
/// certificates, and the second holds the path of a folder.
const CERTIFICATES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// Returns the message of a failed request. If the certificate of the server is not trusted, the message says which
/// environment variable to set.
fn describe(error: &ureq::Error) -> String {
    let message = error.to_string();
    let is_untrusted = message.contains("certificate");
    let advice = "; the system does not trust the certificate of the server: if a proxy inspects TLS here, set \
                  SSL_CERT_FILE to the PEM file with the certificate of the proxy";
    if is_untrusted { message + advice } else { message }
}

fn copy(
    from: &mut impl Read,
    to: &mut File,
    mut received: u64,
    total: Option<u64>,
    report: impl Fn(u64, Option<u64>),
) -> std::result::Result<(), String> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = from.read(&mut buffer).map_err(|error| format!("connection lost ({error})"))?;
        if read == 0 {
            break;
        }
        to.write_all(&buffer[..read]).map_err(|error| error.to_string())?;
        received += read as u64;
        report(received, total);
    }
    to.sync_all().map_err(|error| error.to_string())?;
    match total {
        Some(total) if received < total => {
            Err(format!("connection lost at {received} of {total} bytes; the received bytes are kept"))
        }
        _ => Ok(()),
    }
}
