//! The thread of a model. It takes requests from a queue, and predicts the inputs of requests with the same options
//! together, as one batch.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use inference::PredictError;
use inference::dynamic::{AnyModel, AnyPredictor};
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use crate::error::ApiError;
use crate::metrics::Metrics;
use crate::options::Limits;

type Outputs = Result<Vec<Value>, PredictError>;
type Run = Box<dyn FnOnce(&dyn AnyPredictor) + Send>;

enum Job {
    /// The prediction of the inputs of a request.
    Predict(Predict),
    /// A function that begins a session, or that computes the next piece of a session.
    Run(Run),
}

struct Predict {
    inputs: Vec<Value>,
    options: Value,
    answer: oneshot::Sender<Outputs>,
}

/// The queue of requests for the thread of a model. The thread ends when the queue is dropped.
pub(crate) struct Worker {
    jobs: mpsc::Sender<Job>,
}

impl Worker {
    /// Starts the thread of a model. Must be called in a tokio runtime.
    pub(crate) fn start(model: Arc<AnyModel>, limits: Limits, metrics: Arc<Metrics>) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::channel(limits.queue.clamp(1, Semaphore::MAX_PERMITS));
        // Waiting for more requests would only delay the answers of a model that predicts one input after another.
        let largest = if model.predictor.gains_from_batches() { limits.batch } else { 1 };
        let thread = Thread { model, largest, limits, metrics, handle: Handle::current() };
        std::thread::Builder::new().name("model".into()).spawn(move || thread.work(queue))?;
        Ok(Self { jobs })
    }

    /// Returns whether the thread runs.
    pub(crate) fn is_alive(&self) -> bool {
        !self.jobs.is_closed()
    }

    /// Returns the number of requests that wait for the model.
    pub(crate) fn queue_length(&self) -> usize {
        self.jobs.max_capacity() - self.jobs.capacity()
    }

    /// Predicts one output per input.
    pub(crate) async fn predict(&self, inputs: Vec<Value>, options: Value) -> Result<Vec<Value>, ApiError> {
        let (answer, outputs) = oneshot::channel();
        self.submit(Job::Predict(Predict { inputs, options, answer }))?;
        Ok(outputs.await.map_err(|_| ApiError::stopped())??)
    }

    /// Runs a function in the thread of the model. The call is refused if the queue is full.
    pub(crate) async fn run<T, F>(&self, function: F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(&dyn AnyPredictor) -> Result<T, PredictError> + Send + 'static,
    {
        let (job, result) = run(function);
        self.submit(job)?;
        Ok(result.await.map_err(|_| ApiError::stopped())??)
    }

    /// Runs a function in the thread of the model. The call waits for a place in the queue, so that an answer that has
    /// begun is never refused.
    pub(crate) async fn run_later<T, F>(&self, function: F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(&dyn AnyPredictor) -> Result<T, PredictError> + Send + 'static,
    {
        let (job, result) = run(function);
        self.jobs.send(job).await.map_err(|_| ApiError::stopped())?;
        Ok(result.await.map_err(|_| ApiError::stopped())??)
    }

    fn submit(&self, job: Job) -> Result<(), ApiError> {
        self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => ApiError::QueueFull,
            TrySendError::Closed(_) => ApiError::stopped(),
        })
    }
}

fn run<T, F>(function: F) -> (Job, oneshot::Receiver<Result<T, PredictError>>)
where
    T: Send + 'static,
    F: FnOnce(&dyn AnyPredictor) -> Result<T, PredictError> + Send + 'static,
{
    let (answer, result) = oneshot::channel();
    let job = move |predictor: &dyn AnyPredictor| {
        // Nobody waits for the result if the client has gone.
        if !answer.is_closed() {
            let _ = answer.send(guarded(|| function(predictor)));
        }
    };
    (Job::Run(Box::new(job)), result)
}

struct Thread {
    /// The model that predicts.
    model: Arc<AnyModel>,
    /// The largest number of inputs that are predicted together.
    largest: usize,
    /// The limits of the server.
    limits: Limits,
    /// The metrics of the server, which count the predicted inputs.
    metrics: Arc<Metrics>,
    /// The tokio runtime of the server, with which the thread waits for more requests.
    handle: Handle,
}

impl Thread {
    fn work(self, mut queue: mpsc::Receiver<Job>) {
        let mut held = None;
        while let Some(job) = held.take().or_else(|| queue.blocking_recv()) {
            match job {
                Job::Run(run) => run(&*self.model.predictor),
                Job::Predict(first) => {
                    let batch = self.handle.block_on(self.gather(first, &mut queue, &mut held));
                    self.answer(batch);
                }
            }
        }
    }

    /// Takes requests from the queue as long as they can be predicted together with `first`. The first job that cannot
    /// be predicted together with `first` is stored in `held`.
    async fn gather(&self, first: Predict, queue: &mut mpsc::Receiver<Job>, held: &mut Option<Job>) -> Vec<Predict> {
        let until = Instant::now() + self.limits.batch_wait;
        let mut size = first.inputs.len();
        let mut batch = vec![first];
        while size < self.largest {
            match timeout_at(until, queue.recv()).await {
                Ok(Some(Job::Predict(next)))
                    if next.options == batch[0].options && size + next.inputs.len() <= self.largest =>
                {
                    size += next.inputs.len();
                    batch.push(next);
                }
                Ok(Some(other)) => {
                    *held = Some(other);
                    break;
                }
                Ok(None) | Err(_) => break,
            }
        }
        batch
    }

    /// Predicts the inputs of all requests together. If that fails, predicts the requests one by one, so that a request
    /// with a bad input does not make the other requests fail.
    fn answer(&self, mut batch: Vec<Predict>) {
        batch.retain(|request| !request.answer.is_closed());
        if batch.len() > 1 {
            let inputs = batch.iter().flat_map(|request| request.inputs.iter().cloned()).collect();
            if let Ok(outputs) = self.predict(inputs, batch[0].options.clone()) {
                let mut outputs = outputs.into_iter();
                for Predict { inputs, answer, .. } in batch {
                    let _ = answer.send(Ok(outputs.by_ref().take(inputs.len()).collect()));
                }
                return;
            }
        }
        for Predict { inputs, options, answer } in batch {
            let outputs = self.predict_in_parts(&inputs, &options, &answer);
            let _ = answer.send(outputs);
        }
    }

    fn predict(&self, inputs: Vec<Value>, options: Value) -> Outputs {
        let count = inputs.len();
        let outputs = guarded(|| self.model.predictor.predict_json(inputs, options))?;
        self.metrics.batch(&self.model.manifest.name, count);
        if outputs.len() == count {
            Ok(outputs)
        } else {
            Err(internal("the number of outputs differs from the number of inputs"))
        }
    }

    /// Predicts the inputs of one request in batches of at most `largest` inputs, and stops when the client has gone.
    fn predict_in_parts(&self, inputs: &[Value], options: &Value, answer: &oneshot::Sender<Outputs>) -> Outputs {
        let mut outputs = Vec::with_capacity(inputs.len());
        for part in inputs.chunks(self.largest.max(1)).take_while(|_| !answer.is_closed()) {
            outputs.extend(self.predict(part.to_vec(), options.clone())?);
        }
        Ok(outputs)
    }
}

/// Runs a function of a model. A panic becomes an error, so that the thread of the model continues.
fn guarded<T>(function: impl FnOnce() -> Result<T, PredictError>) -> Result<T, PredictError> {
    catch_unwind(AssertUnwindSafe(function)).unwrap_or_else(|_| Err(internal("the model panicked")))
}

fn internal(message: &'static str) -> PredictError {
    PredictError::Internal(message.into())
}
