//! The environment of a training: device, data folders, options, interrupt and observer.

use burn::tensor::Device;
use datasets::Locator;

use crate::backend::Backend;
use crate::collective::{Alone, Collective};
use crate::error::{Result, TaskError};
use crate::interrupt::Interrupt;
use crate::observer::{Event, Observer, Silent};
use crate::options::TrainerOptions;
use crate::task::{LoadContext, Splits, Task};

/// The environment of a training: device, data folders, options, interrupt and observer. Several trainings may share
/// it.
pub struct Session<'a> {
    /// The backend of `device`, such as `flex` for CPUs. Its name is written to `run.json`, and appears in messages.
    pub backend: Backend,
    /// The device on which models are trained, without autodiff.
    pub device: Device,
    /// Finds the files of data sets.
    pub locator: Locator,
    /// The options of the trainer that are not part of the recipe, such as the interval between checkpoints.
    pub options: TrainerOptions,
    /// The handle that stops the training from a signal handler or another thread.
    pub interrupt: Interrupt,
    /// The receiver of the training's events, such as a progress display.
    pub observer: Box<dyn Observer + 'a>,
    /// The connection with the other ranks (processes) of a data-parallel training; [`Alone`] for a single process.
    pub ranks: Box<dyn Collective + 'a>,
}

impl Default for Session<'_> {
    /// Creates a session on the CPU, with the default data folders and without an observer.
    fn default() -> Self {
        Self {
            backend: Backend::default(),
            device: Device::flex(),
            locator: Locator::new(None),
            options: TrainerOptions::default(),
            interrupt: Interrupt::default(),
            observer: Box::new(Silent),
            ranks: Box::new(Alone),
        }
    }
}

impl Session<'_> {
    /// Sends a note, which is meant for the user, to the observer.
    pub(crate) fn note(&mut self, text: &str) {
        self.observer.observe(&Event::Note(text));
    }

    /// Returns [`TaskError::Interrupted`] on all ranks if a stop was requested on any of them.
    pub(crate) fn check_interrupt(&self) -> Result<()> {
        match self.ranks.any([self.interrupt.is_requested()])? {
            [true] => Err(TaskError::Interrupted.into()),
            [false] => Ok(()),
        }
    }

    /// Loads the data that the table `[data]` of a recipe describes. Passes notes about the data to the observer.
    pub fn load<T: Task>(&mut self, data: &T::Data) -> Result<T::Raw> {
        let Self { locator, observer, .. } = self;
        let mut note = |text: &str| observer.observe(&Event::Note(text));
        let raw = T::load(data, &mut LoadContext::new(locator.clone(), &mut note))?;
        self.check_data_folder()?;
        Ok(raw)
    }

    /// Returns an error if the user gave a data folder, but no data file was looked for in this folder.
    pub fn check_data_folder(&self) -> Result<()> {
        if self.locator.is_ignored() {
            let message = "the data of this recipe are not read from a data folder; do not give a data folder";
            return Err(TaskError::setting("data_dir", message).into());
        }
        Ok(())
    }

    /// Encodes the loaded data for the model, and splits them into a training, a validation and a test part. Passes
    /// notes about the data to the observer.
    pub fn encode<T: Task>(&mut self, task: &T, raw: T::Raw) -> Result<Splits<T::Set>> {
        let Self { locator, observer, .. } = self;
        let mut note = |text: &str| observer.observe(&Event::Note(text));
        Ok(task.encode(raw, &mut LoadContext::new(locator.clone(), &mut note))?)
    }
}
