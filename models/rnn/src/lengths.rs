//! The lengths of the sequences of a batch.

use std::ops::Deref;
use std::sync::Arc;

#[cfg(feature = "cube")]
use cubecl::prelude::*;

/// The lengths of the sequences of a batch, `[batch]`. Clones share the values and their copy in the memory of a GPU.
#[derive(Clone, Debug)]
pub(crate) struct Lengths {
    values: Arc<[usize]>,
    #[cfg(feature = "cube")]
    on_gpu: Arc<std::sync::OnceLock<cubecl::server::Handle>>,
}

impl Lengths {
    pub fn new(values: &[usize]) -> Self {
        Self {
            values: values.into(),
            #[cfg(feature = "cube")]
            on_gpu: Arc::default(),
        }
    }

    /// Returns the values in the memory of a GPU, as 32-bit integers. The first call uploads them.
    #[cfg(feature = "cube")]
    pub fn on_gpu(&self, client: &Client) -> cubecl::server::Handle {
        let upload = || {
            let values: Vec<u32> = self.values.iter().map(|length| *length as u32).collect();
            client.create_from_slice(u32::as_bytes(&values))
        };
        self.on_gpu.get_or_init(upload).clone()
    }
}

impl Deref for Lengths {
    type Target = [usize];

    fn deref(&self) -> &[usize] {
        &self.values
    }
}
