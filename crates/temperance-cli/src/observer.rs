//! Progress on a terminal, and Ctrl-C.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use temperance::fold::{Observer, Progress};

/// What is said after a Ctrl-C.
pub(crate) const INTERRUPTED_TEXT: &str = "interrupted; nothing was written";

/// Set by Ctrl-C; work stops at the next chunk of rows.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Whether someone looks at [`INTERRUPTED`].
static WATCHED: AtomicBool = AtomicBool::new(false);

/// Makes the first Ctrl-C stop the work in order, where there is something to put in order, and the second
/// end the process at once.
pub fn stop_on_interrupt() {
    // Without a handler Ctrl-C ends the process as usual: files are written beside and renamed, so that is safe.
    let _ = ctrlc::set_handler(|| {
        if !WATCHED.load(Ordering::Relaxed) {
            eprintln!("{INTERRUPTED_TEXT}");
            std::process::exit(130);
        }
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
}

/// Makes the command that runs now stop in order, as the first Ctrl-C does.
pub fn interrupt() {
    INTERRUPTED.store(true, Ordering::Relaxed);
}

/// Shows how far a command has come, if someone watches, and stops it when asked. Lives from before the first
/// file is made until all are in their places.
pub(crate) struct Watch {
    bar: ProgressBar,
}

impl Watch {
    pub(crate) fn new(watched: bool) -> Self {
        INTERRUPTED.store(false, Ordering::Relaxed);
        WATCHED.store(true, Ordering::Relaxed);
        let target = if watched { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template("{msg:>20} {bar:30} {pos}/{len} rows, {elapsed}");
        let bar = ProgressBar::with_draw_target(None, target)
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Watch { bar }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        WATCHED.store(false, Ordering::Relaxed);
    }
}

impl Observer for Watch {
    fn progress(&self, progress: Progress) -> ControlFlow<()> {
        self.bar.set_message(progress.task);
        if let Some(total) = progress.total {
            self.bar.set_length(total);
        }
        self.bar.set_position(progress.rows);
        if INTERRUPTED.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
