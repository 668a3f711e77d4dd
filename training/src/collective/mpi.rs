//! Ranks that are processes, which `mpirun` has started.

use std::cell::Cell;

use mpi::Threading;
use mpi::environment::Universe;
use mpi::traits::{Communicator, CommunicatorCollectives};

use super::{Collective, Lost};

/// The environment variables in which launchers of MPI pass the number of processes.
const WORLD: [&str; 3] = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_NTASKS"];

/// One of several processes that `mpirun` has started.
///
/// If a process dies, MPI ends all other processes, so [`Lost`] is never returned. MPI also ends all processes if this
/// value is dropped before the call of [`finish`](Collective::finish). The other processes would otherwise wait for
/// this process forever.
pub struct Mpi {
    universe: Universe,
    finished: Cell<bool>,
}

impl Mpi {
    /// Connects this process with the other processes that `mpirun`, or another launcher of MPI, has started. Returns
    /// `None` if this process was started alone. A process can connect only once: later calls return `None`.
    pub fn start() -> Option<Self> {
        let count = |name: &&str| std::env::var(name).ok()?.parse::<usize>().ok();
        let launched = WORLD.iter().filter_map(count).any(|count| count > 1);
        let (universe, _) = if launched { mpi::initialize_with_threading(Threading::Funneled) } else { None }?;
        Some(Self { universe, finished: Cell::new(false) })
    }
}

impl Drop for Mpi {
    fn drop(&mut self) {
        if !self.finished.get() {
            self.universe.world().abort(1);
        }
    }
}

impl Collective for Mpi {
    fn rank(&self) -> usize {
        self.universe.world().rank() as usize
    }

    fn world(&self) -> usize {
        self.universe.world().size() as usize
    }

    fn all_gather(&self, own: &[u8], all: &mut [u8]) -> Result<(), Lost> {
        self.universe.world().all_gather_into(own, all);
        Ok(())
    }

    fn all_to_all(&self, own: &[u8], received: &mut [u8]) -> Result<(), Lost> {
        self.universe.world().all_to_all_into(own, received);
        Ok(())
    }

    fn finish(&self) {
        self.finished.set(true);
    }
}
