//! The server: it listens, answers connections, and stops gracefully.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use inference::dynamic::AnyModel;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;

use crate::error::ServeError;
use crate::options::{Limits, Options};
use crate::state::State;
use crate::{api, panics};

/// How long the server waits before it tries again to accept a connection, after the operating system has reported an
/// error.
const PAUSE: Duration = Duration::from_millis(50);

/// A server that listens but does not answer requests yet.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
    limits: Limits,
}

impl Server {
    /// Starts the threads of the models, and listens. Call this function in a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`ServeError::Listen`] if the address cannot be used, [`ServeError::SameName`] if two models have the same name,
    /// [`ServeError::Origin`] if the origin for CORS is not valid, and [`ServeError::System`] if the operating system
    /// refuses to start a thread.
    pub async fn bind(models: Vec<AnyModel>, options: Options) -> Result<Self, ServeError> {
        let (listen, limits) = (options.listen, options.limits);
        let router = api::router(Arc::new(State::start(models, options)?))?;
        let failed = |source| ServeError::Listen { address: listen, source };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, router, limits })
    }

    /// Returns the address of the server.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests until `stop` is ready. Then the server accepts no more connections and completes the answers in
    /// progress. The function returns at most [`Limits::answer_time`] later.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let graceful = GracefulShutdown::new();
        let slots = Arc::new(Semaphore::new(self.limits.connections));
        let mut stop = pin!(stop);
        loop {
            let (stream, slot) = tokio::select! {
                accepted = self.accept(&slots) => accepted,
                () = &mut stop => break,
            };
            tokio::spawn(converse(stream, slot, self.router.clone(), self.limits, graceful.watcher()));
        }
        drop(self.listener);
        tracing::info!("stopping");
        if tokio::time::timeout(self.limits.answer_time, graceful.shutdown()).await.is_err() {
            tracing::warn!("the server stops before all answers are complete");
        }
    }

    async fn accept(&self, slots: &Arc<Semaphore>) -> (TcpStream, Option<OwnedSemaphorePermit>) {
        // `acquire_owned` fails only if the semaphore is closed, which never happens.
        let slot = slots.clone().acquire_owned().await.ok();
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => return (stream, slot),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

/// Answers the requests of one connection. `_slot` is the permit of the connection. When it is dropped, the server can
/// accept another connection.
async fn converse(
    stream: TcpStream,
    _slot: Option<OwnedSemaphorePermit>,
    router: Router,
    limits: Limits,
    watcher: Watcher,
) {
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(limits.client_time));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.client_time)
        .serve_connection(TokioIo::new(Box::pin(stream)), TowerToHyperService::new(router));
    // The client causes these errors: it has closed the connection, was too slow, or does not speak HTTP.
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "connection ended");
    }
}

/// Serves models until the process gets SIGTERM or SIGINT. `started` gets the address when the server listens. Writes
/// the log to standard error, one JSON object per line. Panics of all threads except the calling thread are logged
/// without their message, because the message may quote the text of a user.
///
/// # Errors
///
/// The errors of [`Server::bind`], and [`ServeError::System`] if the operating system refuses to register a signal
/// handler.
pub fn serve(models: Vec<AnyModel>, options: Options, started: impl FnOnce(SocketAddr)) -> Result<(), ServeError> {
    // If the program has already installed a subscriber for the log, that subscriber stays.
    let _ = tracing_subscriber::fmt().json().with_writer(std::io::stderr).try_init();
    panics::log_locations_alone();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let stopped = runtime.block_on(async {
        let stop = stop_signal()?;
        let server = Server::bind(models, options).await?;
        started(server.address());
        server.run(stop).await;
        Ok(())
    });
    // A model that still computes does not delay the end of the process.
    runtime.shutdown_background();
    stopped
}

/// Returns a future that is ready after SIGTERM or SIGINT.
#[cfg(unix)]
fn stop_signal() -> Result<impl Future<Output = ()>, ServeError> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Returns a future that is ready after Ctrl-C.
#[cfg(not(unix))]
fn stop_signal() -> Result<impl Future<Output = ()>, ServeError> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
