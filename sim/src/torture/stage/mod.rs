//! Where nodes live, and what is done to them there: containers or processes in network namespaces, their links and their disks.
//!
//! Everything is named after the process that made it and is gone when this value is. Needs the rights of root, and `ip`, `tc`,
//! `iptables` and `nsenter`; containers need Docker.

mod command;
mod containers;
mod disk;
mod links;
mod namespaces;

use std::{
    env, fmt, fs,
    path::{Path, PathBuf},
    process,
};

use tokio::sync::Mutex;

pub use command::StageError;

use self::{containers::Containers, disk::Disk, links::Links, namespaces::Namespaces};

const PORT: u16 = 8090;
/// The host part of the first node's address: with two digits, so that nodes are in the order of their addresses as text.
const FIRST_HOST: usize = 11;
/// More have no address with two digits.
pub const MOST_NODES: u16 = 64;
/// How many networks are tried.
const NETWORKS: u32 = 32;

/// What a stage is made for.
#[derive(Debug, Clone)]
pub struct Setting {
    /// How many nodes.
    pub nodes: u16,
    /// In how many shards.
    pub shards: u16,
    /// What they run.
    pub program: Program,
    /// Variables of all nodes besides those that say who they are.
    pub variables: Vec<(String, String)>,
    /// How many bytes the last node's disk has, if it is to be small.
    pub small_disk_bytes: Option<u64>,
}

/// What nodes run.
#[derive(Debug, Clone)]
pub enum Program {
    /// Containers of this image.
    Image(String),
    /// Processes of this program, each in a network namespace; arguments that come before `serve`.
    Binary(PathBuf, Vec<String>),
    /// Processes too, at first of an older build of the program.
    Builds {
        /// What all nodes begin with.
        older: PathBuf,
        /// What they are upgraded to.
        newer: PathBuf,
    },
}

/// Which build of the program a node runs, where there are two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Build {
    /// The one that all nodes begin with.
    Older,
    /// The other one.
    Newer,
}

impl fmt::Display for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Older => "the older build",
            Self::Newer => "the newer build",
        })
    }
}

/// Where one node lives.
struct Room {
    ip: String,
    data: PathBuf,
    log: PathBuf,
    variables: Vec<(String, String)>,
}

enum House {
    Containers(Containers),
    Namespaces(Namespaces),
}

/// See the module.
pub struct Stage {
    addresses: Vec<String>,
    folder: PathBuf,
    house: House,
    disks: Vec<Disk>,
    rooms: Vec<Room>,
    links: Mutex<Links>,
}

impl Stage {
    /// Builds everything; no node is started.
    ///
    /// # Errors
    /// What it needs is not there. Whatever was built is gone again.
    pub async fn build(setting: &Setting) -> Result<Self, StageError> {
        let nodes = usize::from(setting.nodes);
        let name = format!("causeway-torture-{}", process::id());
        let house = match &setting.program {
            Program::Image(image) => House::Containers(Containers::new(name.clone(), image.clone(), nodes)),
            Program::Binary(program, arguments) => {
                House::Namespaces(Namespaces::new(process::id(), program.clone(), arguments.clone(), nodes))
            }
            Program::Builds { older, newer } => {
                House::Namespaces(Namespaces::new(process::id(), newer.clone(), Vec::new(), nodes).beginning_with(older.clone()))
            }
        };
        let folder = env::temp_dir().join(&name);
        let (addresses, disks, rooms) = (Vec::new(), Vec::new(), Vec::new());
        let mut stage = Self { addresses, folder, house, disks, rooms, links: Mutex::default() };
        let network = stage.build_network().await?;
        let ips: Vec<String> = (0..nodes).map(|node| format!("{network}.{}", FIRST_HOST + node)).collect();
        stage.addresses = ips.iter().map(|ip| format!("{ip}:{PORT}")).collect();
        for (node, ip) in ips.into_iter().enumerate() {
            let small = setting.small_disk_bytes.filter(|_| node + 1 == nodes);
            stage.build_room(node, ip, small, setting).await?;
        }
        Ok(stage)
    }

    async fn build_network(&self) -> Result<String, StageError> {
        for number in 0..NETWORKS {
            let network = format!("10.213.{}", (process::id() + number) % 256);
            let (subnet, gateway) = (format!("{network}.0/24"), format!("{network}.1"));
            let is_built = match &self.house {
                House::Containers(containers) => containers.build_network(&subnet).await?,
                House::Namespaces(namespaces) => namespaces.build_network(&subnet, &gateway).await?,
            };
            if is_built {
                return Ok(network);
            }
        }
        Err(StageError::NoNetwork)
    }

    async fn build_room(&mut self, node: usize, ip: String, small: Option<u64>, setting: &Setting) -> Result<(), StageError> {
        let disk = Disk::build(self.folder.join(format!("disk-{node}")), small).await?;
        let mut variables = vec![
            ("SOCKET_ADDRESS".to_owned(), self.addresses[node].clone()),
            ("VIEW".to_owned(), self.addresses.join(",")),
            ("SHARD_COUNT".to_owned(), setting.shards.to_string()),
        ];
        variables.extend(setting.variables.iter().cloned());
        let room = Room { ip, data: disk.data(), log: self.folder.join(format!("log-{node}")), variables };
        self.disks.push(disk);
        match &self.house {
            House::Containers(containers) => containers.build(node, &room).await?,
            House::Namespaces(namespaces) => namespaces.build(node, &room).await?,
        }
        self.rooms.push(room);
        Ok(())
    }

    /// Where each node listens for clients, in rising order.
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// Whether nodes are containers or processes.
    pub fn kind(&self) -> &'static str {
        match &self.house {
            House::Containers(_) => "containers",
            House::Namespaces(_) => "processes in network namespaces",
        }
    }

    /// Starts a node that does not run. Its links are as they are to be.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start(&self, node: usize) -> Result<(), StageError> {
        match &self.house {
            House::Containers(containers) => containers.start(node).await?,
            House::Namespaces(namespaces) => namespaces.start(node, &self.rooms[node]).await?,
        }
        let links = self.links.lock().await;
        if links.concern(node) { self.filter(&links, node).await } else { Ok(()) }
    }

    /// A node runs this build of the program from its next start on.
    pub async fn choose(&self, node: usize, build: Build) {
        if let House::Namespaces(namespaces) = &self.house {
            namespaces.choose(node, build).await;
        }
    }

    /// SIGKILL. Returns when the node's process is gone.
    ///
    /// # Errors
    /// It cannot be killed.
    pub async fn kill(&self, node: usize) -> Result<(), StageError> {
        match &self.house {
            House::Containers(containers) => containers.kill(node).await,
            House::Namespaces(namespaces) => namespaces.kill(node).await,
        }
    }

    /// SIGTERM. Returns the exit code when the node's process is gone.
    ///
    /// # Errors
    /// It cannot be told.
    pub async fn stop(&self, node: usize) -> Result<i32, StageError> {
        match &self.house {
            House::Containers(containers) => containers.stop(node).await,
            House::Namespaces(namespaces) => namespaces.stop(node).await,
        }
    }

    /// A node does nothing from now on.
    ///
    /// # Errors
    /// It cannot be paused.
    pub async fn pause(&self, node: usize) -> Result<(), StageError> {
        match &self.house {
            House::Containers(containers) => containers.pause(node).await,
            House::Namespaces(namespaces) => namespaces.pause(node).await,
        }
    }

    /// It goes on.
    ///
    /// # Errors
    /// It does not.
    pub async fn resume(&self, node: usize) -> Result<(), StageError> {
        match &self.house {
            House::Containers(containers) => containers.resume(node).await,
            House::Namespaces(namespaces) => namespaces.resume(node).await,
        }
    }

    /// Takes a node off the network: its clients do not reach it either.
    ///
    /// # Errors
    /// It stays.
    pub async fn disconnect(&self, node: usize) -> Result<(), StageError> {
        match &self.house {
            House::Containers(containers) => containers.disconnect(node).await,
            House::Namespaces(namespaces) => namespaces.disconnect(node).await,
        }
    }

    /// Puts it back.
    ///
    /// # Errors
    /// It stays off.
    pub async fn connect(&self, node: usize) -> Result<(), StageError> {
        match &self.house {
            House::Containers(containers) => containers.connect(node, &self.rooms[node]).await,
            House::Namespaces(namespaces) => namespaces.connect(node).await,
        }
    }

    /// Nothing passes on these links from now on, and everything on all others. Clients reach all nodes.
    ///
    /// # Errors
    /// A node's rules are not taken.
    pub async fn cut(&self, cut: &[(usize, usize)]) -> Result<(), StageError> {
        let mut links = self.links.lock().await;
        let before: Vec<bool> = (0..self.rooms.len()).map(|node| links.concern(node)).collect();
        links.cut(cut.iter().copied());
        for (node, was_concerned) in before.into_iter().enumerate() {
            if was_concerned || links.concern(node) {
                self.filter(&links, node).await?;
            }
        }
        Ok(())
    }

    /// A node loses so many of a hundred packets that come to it; 0 for none.
    ///
    /// # Errors
    /// Its rules are not taken.
    pub async fn lose(&self, node: usize, percent: u8) -> Result<(), StageError> {
        let mut links = self.links.lock().await;
        links.lose(node, percent);
        self.filter(&links, node).await
    }

    /// A node sends no faster than so many kilobits a second; `None` for as fast as it can.
    ///
    /// # Errors
    /// It is not slowed down.
    pub async fn limit(&self, node: usize, kbit_per_s: Option<u32>) -> Result<(), StageError> {
        match self.network_of(node) {
            Some(network) => links::limit(&network, &self.rooms[node].ip, kbit_per_s).await,
            None => Ok(()),
        }
    }

    /// Takes all room that is left on a node's disk.
    ///
    /// # Errors
    /// Something is left.
    pub fn fill_disk(&self, node: usize) -> Result<(), StageError> {
        self.disks[node].fill()
    }

    /// Gives the room back.
    ///
    /// # Errors
    /// It stays full.
    pub fn empty_disk(&self, node: usize) -> Result<(), StageError> {
        self.disks[node].empty()
    }

    /// Whether a node's process is there.
    ///
    /// # Errors
    /// Nobody knows.
    pub async fn is_running(&self, node: usize) -> Result<bool, StageError> {
        match &self.house {
            House::Containers(containers) => containers.is_running(node).await,
            House::Namespaces(namespaces) => namespaces.is_running(node).await,
        }
    }

    /// Writes what each node has logged into a folder.
    ///
    /// # Errors
    /// They cannot be read or written.
    pub fn save_logs(&self, folder: &Path) -> Result<(), StageError> {
        fs::create_dir_all(folder).map_err(StageError::io(folder.display().to_string()))?;
        for (node, room) in self.rooms.iter().enumerate() {
            let path = folder.join(format!("n{node}.log"));
            let saved = match &self.house {
                House::Containers(containers) => containers.save_log(node, &path),
                House::Namespaces(namespaces) => namespaces.save_log(room, &path),
            };
            saved.map_err(StageError::io(path.display().to_string()))?;
        }
        Ok(())
    }

    fn network_of(&self, node: usize) -> Option<PathBuf> {
        match &self.house {
            House::Containers(containers) => containers.network_of(node),
            House::Namespaces(namespaces) => Some(namespaces.network_of(node)),
        }
    }

    /// A node that is down gets its rules when it starts.
    async fn filter(&self, links: &Links, node: usize) -> Result<(), StageError> {
        let Some(network) = self.network_of(node) else { return Ok(()) };
        let ips: Vec<String> = self.rooms.iter().map(|room| room.ip.clone()).collect();
        links::filter(&network, &links.table(node, &ips)).await
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        match &mut self.house {
            House::Containers(containers) => containers.clean(),
            House::Namespaces(namespaces) => namespaces.clean(),
        }
        self.disks.iter().for_each(Disk::clean);
        // It may never have been made.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
