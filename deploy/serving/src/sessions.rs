//! The sessions of all models: answers in progress, which clients continue piece by piece.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use inference::dynamic::AnySession;

use crate::error::ApiError;
use crate::request_id::random_id;

/// The sessions of a server.
pub(crate) struct Sessions {
    most: usize,
    time: Duration,
    entries: Mutex<HashMap<String, Entry>>,
}

struct Entry {
    /// The name of the model.
    model: String,
    /// The time at which a request last began or continued the session.
    last_used: Instant,
    /// `None` while a request uses the session.
    session: Option<AnySession>,
}

impl Sessions {
    pub(crate) fn new(most: usize, time: Duration) -> Arc<Self> {
        Arc::new(Self { most, time, entries: Mutex::default() })
    }

    /// Returns the number of sessions that have not expired.
    pub(crate) fn len(&self) -> usize {
        self.entries().len()
    }

    /// Returns how long a session is kept after its last use.
    pub(crate) fn time(&self) -> Duration {
        self.time
    }

    /// Reserves a place for a new session of a model. Fails if there are already too many sessions.
    pub(crate) fn reserve(self: &Arc<Self>, model: &str) -> Result<Taken, ApiError> {
        let mut entries = self.entries();
        if entries.len() >= self.most {
            return Err(ApiError::TooManySessions);
        }
        let id = random_id();
        entries.insert(id.clone(), Entry { model: model.to_owned(), last_used: Instant::now(), session: None });
        Ok(Taken { id, sessions: self.clone(), is_over: true })
    }

    /// Takes a session of a model out of its entry in the table, so that no other request can use the session at the
    /// same time. The entry stays in the table.
    pub(crate) fn take(self: &Arc<Self>, model: &str, id: &str) -> Result<(Taken, AnySession), ApiError> {
        let mut entries = self.entries();
        let entry = entries.get_mut(id).filter(|entry| entry.model == model).ok_or(ApiError::NoSession)?;
        let session = entry.session.take().ok_or(ApiError::SessionInUse)?;
        Ok((Taken { id: id.to_owned(), sessions: self.clone(), is_over: true }, session))
    }

    /// Ends a session of a model.
    pub(crate) fn remove(&self, model: &str, id: &str) -> Result<(), ApiError> {
        let mut entries = self.entries();
        entries.get(id).filter(|entry| entry.model == model).ok_or(ApiError::NoSession)?;
        entries.remove(id);
        Ok(())
    }

    /// Removes the sessions that have expired, and returns the table of all other sessions.
    fn entries(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|_, entry| entry.session.is_none() || entry.last_used.elapsed() < self.time);
        entries
    }
}

/// The place of a session in the table, while a request uses the session. When this value is dropped, the session ends,
/// unless [`put_back`](Self::put_back) has been called.
pub(crate) struct Taken {
    pub(crate) id: String,
    sessions: Arc<Sessions>,
    is_over: bool,
}

impl Taken {
    /// Returns whether the entry of the session is still in the table, which means that no request has ended the
    /// session.
    pub(crate) fn is_wanted(&self) -> bool {
        self.sessions.entries().contains_key(&self.id)
    }

    /// Puts the session back, so that another request can continue it. Returns the identifier of the session.
    pub(crate) fn put_back(mut self, session: AnySession) -> String {
        if let Some(entry) = self.sessions.entries().get_mut(&self.id) {
            (entry.session, entry.last_used) = (Some(session), Instant::now());
        }
        self.is_over = false;
        self.id.clone()
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if self.is_over {
            self.sessions.entries().remove(&self.id);
        }
    }
}
