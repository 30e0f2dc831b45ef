//! Jobs side by side on all cores.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Does every job, side by side on all cores, which they share; the results are in the order of the jobs.
///
/// A job runs in a thread pool of its own: a single one has all cores. After an error no job begins any more.
///
/// ```
/// let squares = temperance_rl::side_by_side(&[1, 2, 3], |number| Ok::<_, ()>(number * number));
/// assert_eq!(squares, Ok(vec![1, 4, 9]));
/// ```
///
/// # Errors
/// The first error of a job.
pub fn side_by_side<J: Sync, T: Send, E: Send>(
    jobs: &[J],
    one: impl Fn(&J) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    let next = AtomicUsize::new(0);
    let failure = Mutex::new(None);
    let results: Vec<Mutex<Option<T>>> = jobs.iter().map(|_| Mutex::new(None)).collect();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = cores.min(jobs.len());
    let work = || {
        while let Some((job, result)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            jobs.get(at).zip(results.get(at))
        } {
            match one(job) {
                Ok(done) => *result.lock().unwrap_or_else(PoisonError::into_inner) = Some(done),
                Err(error) => {
                    next.store(jobs.len(), Ordering::Relaxed);
                    failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| match rayon::ThreadPoolBuilder::new().num_threads(cores / workers).build() {
                Ok(pool) => pool.install(work),
                Err(_) => work(),
            });
        }
    });
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(results
            .into_iter()
            .filter_map(|result| result.into_inner().unwrap_or_else(PoisonError::into_inner))
            .collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Jobs that each took all cores would be slower together than one after the other.
    #[test]
    fn jobs_share_the_cores() {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        for jobs in [1, 2, 5] {
            let threads =
                side_by_side(&vec![(); jobs], |()| Ok::<_, ()>(rayon::current_num_threads())).unwrap();
            let together = threads[0] * cores.min(jobs);
            assert!(threads.iter().all(|&of_one| of_one == threads[0]));
            assert!(together <= cores && together + cores.min(jobs) > cores, "{threads:?} on {cores}");
        }
    }

    #[test]
    fn the_first_error_ends_what_has_not_begun() {
        let begun = AtomicUsize::new(0);
        let jobs: Vec<usize> = (0..1000).collect();
        let result = side_by_side(&jobs, |&job| {
            begun.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(std::time::Duration::from_millis(1));
            if job == 3 { Err("three") } else { Ok(job) }
        });
        assert_eq!(result, Err("three"));
        assert!(begun.into_inner() < 1000);
        assert_eq!(side_by_side(&[] as &[u8], |_| Ok::<u8, ()>(0)), Ok(vec![]));
    }
}
