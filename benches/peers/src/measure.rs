//! Times contenders against each other in short interleaved rounds, and counts their allocations in a separate pass.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How long one contender runs before it is the next one's turn: short enough that a change of the clock rate or a
/// neighbour on the machine meets all of them alike.
const ROUND: Duration = Duration::from_micros(5);

/// How long all of them together may take.
const LONGEST: Duration = Duration::from_secs(5);

static COUNTING: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

/// The system's allocator, which counts while it is told to.
pub struct Counting;

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn count() {
    if COUNTING.load(Relaxed) {
        ALLOCATIONS.fetch_add(1, Relaxed);
    }
}

/// Does the work that many times, and says how long it took.
pub type Run = Box<dyn FnMut(u32) -> Duration>;

/// Work that needs no preparation.
pub fn run(mut work: impl FnMut() + 'static) -> Run {
    Box::new(move |times| {
        let start = Instant::now();
        for _ in 0..times {
            work();
        }
        start.elapsed()
    })
}

/// Work that uses something up, which is made ahead and dropped afterwards, neither of them on the clock or counted.
pub fn run_on<T>(mut make: impl FnMut() -> T + 'static, mut work: impl FnMut(&mut T) + 'static) -> Run {
    Box::new(move |times| {
        let counting = COUNTING.swap(false, Relaxed);
        let mut all: Vec<T> = (0..times).map(|_| make()).collect();
        COUNTING.store(counting, Relaxed);
        let start = Instant::now();
        for one in &mut all {
            work(one);
        }
        let elapsed = start.elapsed();
        COUNTING.store(false, Relaxed);
        elapsed
    })
}

/// What one contender needed for one piece of work.
#[derive(Clone, Copy)]
pub struct Figures {
    pub min_ns: f64,
    pub median_ns: f64,
    pub allocs: f64,
}

/// Lets all of them work in turn.
pub fn race(contenders: &mut [Run], rounds: usize) -> Vec<Figures> {
    let times: Vec<u32> = contenders.iter_mut().map(calibrate).collect();
    // Work of milliseconds has fewer turns.
    let turn: Duration = contenders.iter_mut().zip(&times).map(|(run, times)| run(*times)).sum();
    let rounds = rounds.min((LONGEST.as_nanos() / turn.as_nanos().max(1)) as usize).max(5);
    let mut samples = vec![Vec::with_capacity(rounds); contenders.len()];
    for round in 0..rounds {
        for turn in 0..contenders.len() {
            // Nobody always comes after the same one.
            let index = (turn + round) % contenders.len();
            samples[index].push(contenders[index](times[index]).as_secs_f64() * 1e9 / f64::from(times[index]));
        }
    }
    let allocs = contenders.iter_mut().map(allocations);
    samples
        .into_iter()
        .zip(allocs)
        .map(|(mut samples, allocs)| {
            samples.sort_by(f64::total_cmp);
            Figures { min_ns: samples[0], median_ns: samples[samples.len() / 2], allocs }
        })
        .collect()
}

/// How often the work is to be done to fill a round. It warms up, too.
fn calibrate(run: &mut Run) -> u32 {
    let mut times = 1;
    // The best of a few: one that was interrupted says nothing.
    while times < 1 << 20 && (0..5).any(|_| run(times) < ROUND) {
        times *= 2;
    }
    times
}

/// Allocations and reallocations for one piece of work, on average.
fn allocations(run: &mut Run) -> f64 {
    // One in a while may be due to a buffer that is used again.
    let times = if run(1) < Duration::from_millis(1) { 64 } else { 1 };
    ALLOCATIONS.store(0, Relaxed);
    COUNTING.store(true, Relaxed);
    run(times);
    COUNTING.store(false, Relaxed);
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let allocations = ALLOCATIONS.load(Relaxed) as f64;
    allocations / f64::from(times)
}
