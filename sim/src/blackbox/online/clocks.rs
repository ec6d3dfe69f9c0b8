//! What each session has seen: for every session, how many of its events (writes that it knows of, and open writes that it saw)
//! are in the past. Writes share an image of their session's clock until that changes.

use super::kept::Kept;

const NONE: u32 = u32::MAX;

/// See the module.
#[derive(Debug)]
pub struct Clocks {
    sessions: usize,
    /// A row for each session.
    pasts: Vec<u64>,
    /// For each session the events of others that it read itself.
    read: Vec<u64>,
    images: Vec<u64>,
    uses: Vec<u32>,
    free: Vec<u32>,
    /// The image of each session's clock as it is, if there is one.
    current: Vec<u32>,
}

impl Clocks {
    /// Nobody has seen anything.
    pub fn new(sessions: usize) -> Self {
        Self {
            sessions,
            pasts: vec![0; sessions * sessions],
            read: vec![0; sessions * sessions],
            images: Vec::new(),
            uses: Vec::new(),
            free: Vec::new(),
            current: vec![NONE; sessions],
        }
    }

    /// How many events happened to a session.
    pub fn events(&self, session: u32) -> u64 {
        self.pasts[session as usize * (self.sessions + 1)]
    }

    /// One more.
    pub fn happened(&mut self, session: u32) {
        self.pasts[session as usize * (self.sessions + 1)] += 1;
    }

    /// Whether a version is in a session's past.
    pub fn has(&self, session: u32, kept: &Kept) -> bool {
        !kept.is_open() && self.pasts[session as usize * self.sessions + kept.session() as usize] > kept.before()
    }

    /// Whether a session read this event of another, or a later one, itself.
    pub fn has_read_from(&self, session: u32, kept: &Kept) -> bool {
        self.read[session as usize * self.sessions + kept.session() as usize] > kept.before()
    }

    /// An image of a session's clock, with one use more. The session's own entry in it may lag behind.
    pub fn image(&mut self, session: u32) -> u32 {
        let row = session as usize * self.sessions..(session as usize + 1) * self.sessions;
        let mut image = self.current[session as usize];
        if image == NONE {
            image = self.free.pop().unwrap_or_else(|| {
                self.uses.push(0);
                self.images.resize(self.images.len() + self.sessions, 0);
                self.uses.len() as u32 - 1
            });
            let from = image as usize * self.sessions;
            self.images[from..from + self.sessions].copy_from_slice(&self.pasts[row]);
            self.uses[image as usize] = 1;
            self.current[session as usize] = image;
        }
        self.uses[image as usize] += 1;
        image
    }

    /// One use more.
    pub fn share(&mut self, image: u32) {
        self.uses[image as usize] += 1;
    }

    /// One use less.
    pub fn release(&mut self, image: u32) {
        self.uses[image as usize] -= 1;
        if self.uses[image as usize] == 0 {
            self.free.push(image);
        }
    }

    /// A session reads a version: what its writer had seen is in its past now.
    pub fn join(&mut self, session: u32, kept: &Kept) {
        let (row, writer) = (session as usize * self.sessions, kept.session() as usize);
        let image = &self.images[kept.image() as usize * self.sessions..][..self.sessions];
        for (mine, theirs) in self.pasts[row..row + self.sessions].iter_mut().zip(image) {
            *mine = (*mine).max(*theirs);
        }
        let events = kept.before() + u64::from(!kept.is_open());
        self.pasts[row + writer] = self.pasts[row + writer].max(events);
        self.read[row + writer] = self.read[row + writer].max(events);
        let stale = std::mem::replace(&mut self.current[session as usize], NONE);
        if stale != NONE {
            self.release(stale);
        }
    }

    /// For each session, how many of its events are in everybody's past.
    pub fn stable(&self) -> Vec<u64> {
        let rows = || self.pasts.chunks_exact(self.sessions);
        (0..self.sessions).map(|session| rows().map(|row| row[session]).min().unwrap_or_default()).collect()
    }

    /// Bytes that it holds.
    pub fn bytes(&self) -> usize {
        let words = self.pasts.capacity() + self.read.capacity() + self.images.capacity();
        words * size_of::<u64>() + (self.uses.capacity() + self.free.capacity() + self.current.capacity()) * size_of::<u32>()
    }
}
