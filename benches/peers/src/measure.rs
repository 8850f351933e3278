//! Times contenders against each other in short interleaved rounds, and counts what they allocate in a separate pass.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst, fence};
use std::time::{Duration, Instant};

/// How long all contenders of a table together may take.
const LONGEST: Duration = Duration::from_secs(4);

/// How many buffers a contender goes through, one after the other. They fit into the first cache.
const BUFFERS: usize = 128;

static COUNTING: AtomicBool = AtomicBool::new(false);
static CALLS: AtomicUsize = AtomicUsize::new(0);
static LIVE: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, which counts while it is told to.
pub struct Counting;

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size.wrapping_sub(layout.size()));
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if COUNTING.load(Relaxed) {
            LIVE.fetch_sub(layout.size(), Relaxed);
        }
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn count(bytes: usize) {
    if COUNTING.load(Relaxed) {
        CALLS.fetch_add(1, Relaxed);
        LIVE.fetch_add(bytes, Relaxed);
    }
}

/// How many bytes `work` has allocated and not freed, and what it returns.
pub fn live_after<R>(work: impl FnOnce() -> R) -> (usize, R) {
    LIVE.store(0, Relaxed);
    COUNTING.store(true, Relaxed);
    let result = work();
    COUNTING.store(false, Relaxed);
    (LIVE.load(Relaxed), result)
}

/// One turn of a contender: how many pieces of work it did, and how long they took.
pub type Run = Box<dyn FnMut() -> (usize, Duration)>;

/// Works on many buffers in rotation. `make` gets the number of the buffer, `prepare` fills it anew before each pass;
/// neither is on the clock. So the work meets no store that is still in flight, and its buffers lie at many places in a
/// page.
pub fn rotate<T: 'static>(
    make: impl FnMut(usize) -> T,
    mut prepare: impl FnMut(&mut T) + 'static,
    mut work: impl FnMut(&mut T) + 'static,
) -> Run {
    let mut buffers: Vec<T> = (0..BUFFERS).map(make).collect();
    Box::new(move || {
        buffers.iter_mut().for_each(&mut prepare);
        (BUFFERS, timed(&mut buffers, &mut work))
    })
}

/// Works on things that are used up. They are made anew before each turn and dropped after it, neither of them on the
/// clock or counted.
pub fn use_up<T: 'static>(
    number: usize,
    mut make: impl FnMut() -> T + 'static,
    mut work: impl FnMut(&mut T) + 'static,
) -> Run {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    Box::new(move || {
        let counting = COUNTING.swap(false, Relaxed);
        // The gaps move the buffers of two neighbours to other places in their pages.
        let (mut all, _gaps): (Vec<T>, Vec<Vec<u8>>) =
            (0..number).map(|_| (make(), Vec::with_capacity(64 * random.below(64) + 1))).unzip();
        COUNTING.store(counting, Relaxed);
        let elapsed = timed(&mut all, &mut work);
        COUNTING.store(false, Relaxed);
        (number, elapsed)
    })
}

fn timed<T>(all: &mut [T], work: &mut impl FnMut(&mut T)) -> Duration {
    // Waits for the stores of the preparation.
    fence(SeqCst);
    let start = Instant::now();
    for one in all {
        work(black_box(one));
    }
    start.elapsed()
}

/// What one contender needed for one piece of work.
#[derive(Clone, Copy)]
pub struct Figures {
    pub min_ns: f64,
    pub median_ns: f64,
    pub allocs: f64,
}

/// Lets all of them work in turn, in another order in each round.
pub fn race(contenders: &mut [Run], rounds: usize) -> Vec<Figures> {
    let clock = (0..1000).map(|_| Instant::now().elapsed()).min().unwrap_or_default();
    // The first turn warms up, the second tells how many rounds there is time for.
    contenders.iter_mut().for_each(|run| _ = run());
    let start = Instant::now();
    contenders.iter_mut().for_each(|run| _ = run());
    let rounds = rounds.min((LONGEST.as_nanos() / start.elapsed().as_nanos().max(1)) as usize).max(5);
    let mut samples = vec![Vec::with_capacity(rounds); contenders.len()];
    let mut order: Vec<usize> = (0..contenders.len()).collect();
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for _ in 0..rounds {
        random.shuffle(&mut order);
        for &index in &order {
            let (pieces, elapsed) = contenders[index]();
            samples[index].push(elapsed.saturating_sub(clock).as_secs_f64() * 1e9 / pieces as f64);
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

/// Allocations and reallocations for one piece of work, on average.
fn allocations(run: &mut Run) -> f64 {
    CALLS.store(0, Relaxed);
    COUNTING.store(true, Relaxed);
    let (pieces, _) = run();
    COUNTING.store(false, Relaxed);
    CALLS.load(Relaxed) as f64 / pieces as f64
}

/// Numbers without a pattern, the same in every run (xorshift).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % limit
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
