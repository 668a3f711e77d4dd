//! Where data come from: `--data-dir`, the folder that `RNN_ZOO_DATA` names, the user's cache, or a download.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write, stderr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::read::GzDecoder;
use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest, Sha256};

use crate::error::{DataError, Result};

/// The environment variable that names the data folder.
pub const DATA_VARIABLE: &str = "RNN_ZOO_DATA";

/// A file that is one form of a data set.
#[derive(Clone, Copy, Debug)]
pub struct DataFile {
    /// Its name.
    pub name: &'static str,
    /// Its size.
    pub bytes: u64,
    /// What its content must hash to, in lower-case hexadecimal digits.
    pub sha256: &'static str,
    /// Its published address, if it can be downloaded.
    pub url: Option<&'static str>,
}

/// A data set as files: in `folder`, either unpacked under the name `unpacked` or as one of `files`.
#[derive(Clone, Copy, Debug)]
pub struct DataSet {
    /// Name for messages.
    pub name: &'static str,
    /// Subfolder of a data folder.
    pub folder: &'static str,
    /// The folder that the archives hold.
    pub unpacked: &'static str,
    /// The archives, in the order of preference.
    pub files: &'static [DataFile],
}

/// One file of a data set, known by what it says, however it is packed: as it is, in a `.gz`, or in an archive.
#[derive(Clone, Copy, Debug)]
pub struct PublishedFile<'a> {
    /// Name of the set for messages.
    pub set: &'static str,
    /// Subfolder of a data folder.
    pub folder: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What its content must hash to, in lower-case hexadecimal digits; `None` where the publisher does not say and nobody here
    /// has seen it: whoever reads it then checks what it says.
    pub sha256: Option<&'static str>,
    /// The archive that it is published in.
    pub archive: Option<Archive>,
    /// Its published address, if it can be downloaded; the archive's, if that ends with the archive's name.
    pub url: Option<&'a str>,
}

/// An archive, `.zip` or `.tgz`, and the path of a file in it.
#[derive(Clone, Copy, Debug)]
pub struct Archive {
    /// The archive's name.
    pub name: &'static str,
    /// The file's path in it.
    pub member: &'static str,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The unpacked folder.
    Folder(PathBuf),
    /// An archive whose checksum is right.
    Archive(PathBuf),
}

/// The places to look for data, in order.
#[derive(Clone, Debug)]
pub struct Locator {
    given: Option<PathBuf>,
    roots: Vec<PathBuf>,
    cache: PathBuf,
}

impl Locator {
    /// Looks in `data_dir` alone if it is given; else in the folder of [`DATA_VARIABLE`], then in the user's cache,
    /// then at the published address.
    pub fn new(data_dir: Option<&Path>) -> Self {
        let variable = std::env::var_os(DATA_VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
        let cache = dirs::cache_dir().unwrap_or_else(std::env::temp_dir).join("rnn-zoo");
        Self::with_places(data_dir, variable, cache)
    }

    /// The same with all places named.
    pub fn with_places(data_dir: Option<&Path>, variable: Option<PathBuf>, cache: PathBuf) -> Self {
        let given = data_dir.map(Path::to_path_buf);
        let roots = match &given {
            Some(dir) => vec![dir.clone()],
            None => variable.into_iter().chain([cache.clone()]).collect(),
        };
        Self { given, roots, cache }
    }

    /// Finds a set, downloading it if it is nowhere and `--data-dir` was not given.
    pub fn find(&self, set: &DataSet) -> Result<Found> {
        for root in &self.roots {
            if let Some(found) = look_in(root, set)? {
                return Ok(found);
            }
        }
        let remote = set.files.iter().find_map(|file| file.url.map(|url| (file, url)));
        match (&self.given, remote) {
            (None, Some((file, url))) => self.download(set, file, url),
            _ => Err(self.not_found(set)),
        }
    }

    /// The content of a file, downloaded if it is nowhere and `--data-dir` was not given.
    pub fn read(&self, file: &PublishedFile) -> Result<Vec<u8>> {
        let packings = file.packings();
        let found = self.roots.iter().find_map(|root| file.look_in(root, &packings));
        let (path, packing) = match (found, file.url.filter(|_| self.given.is_none())) {
            (Some(found), _) => found,
            (None, None) => {
                let wanted: Vec<_> = packings.iter().map(|(name, _)| format!("{}/{name}", file.folder)).collect();
                let (set, wanted, address) = (file.set, wanted.join(" or "), file.url.map(str::to_owned));
                return Err(DataError::NotFound { set, places: self.places(), wanted, address });
            }
            (None, Some(url)) => self.fetch(file, url)?,
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        file.check(packing.unpack(&path, &name)?, &path)
    }

    fn fetch(&self, file: &PublishedFile, url: &str) -> Result<(PathBuf, Packing)> {
        let (name, packing) = match file.archive {
            Some(Archive { name, member }) if url.ends_with(name) => (name, Packing::Archive(member)),
            _ => (file.name, Packing::Plain),
        };
        let path = self.cache.join(file.folder).join(name);
        let _ = writeln!(stderr(), "{} is in none of {}: downloading {}", file.name, self.places(), url);
        download(url, &path, |part| file.check(packing.unpack(part, name)?, part).map(drop))?;
        Ok((path, packing))
    }

    fn download(&self, set: &DataSet, file: &DataFile, url: &str) -> Result<Found> {
        let path = self.cache.join(set.folder).join(file.name);
        // Nobody may be reading, which is no reason to stop.
        let _ = writeln!(stderr(), "{} is in none of {}: downloading {url}", set.name, self.places());
        download(url, &path, |part| check(part, file))?;
        Ok(Found::Archive(path))
    }

    fn not_found(&self, set: &DataSet) -> DataError {
        let archives = set.files.iter().map(|file| format!("{}/{}", set.folder, file.name));
        let wanted: Vec<_> = [format!("{}/{}/", set.folder, set.unpacked)].into_iter().chain(archives).collect();
        let wanted = wanted.join(" or ");
        DataError::NotFound { set: set.name, places: self.places(), wanted, address: set.address().map(str::to_owned) }
    }

    fn places(&self) -> String {
        self.roots.iter().map(|root| root.display().to_string()).collect::<Vec<_>>().join(", ")
    }
}

impl DataSet {
    /// Where it can be downloaded, if it can.
    pub fn address(&self) -> Option<&'static str> {
        self.files.iter().find_map(|file| file.url)
    }
}

/// The set in a data folder, in the set's own subfolder, or `root` itself if that is the set.
fn look_in(root: &Path, set: &DataSet) -> Result<Option<Found>> {
    for dir in [root.join(set.folder), root.to_path_buf()] {
        if dir.join(set.unpacked).is_dir() {
            return Ok(Some(Found::Folder(dir.join(set.unpacked))));
        }
        for file in set.files {
            let path = dir.join(file.name);
            if path.is_file() {
                return check(&path, file).map(|()| Some(Found::Archive(path)));
            }
        }
    }
    let itself = root.file_name().is_some_and(|name| name == set.unpacked) && root.is_dir();
    if itself {
        return Ok(Some(Found::Folder(root.to_path_buf())));
    }
    match set.files.iter().find(|file| root.is_file() && root.file_name().is_some_and(|name| name == file.name)) {
        Some(file) => {
            check(root, file)?;
            Ok(Some(Found::Archive(root.to_path_buf())))
        }
        None => Ok(None),
    }
}

/// How a file lies on the disk.
#[derive(Clone, Copy, Debug)]
enum Packing {
    Plain,
    Gzip,
    /// With its path in it.
    Archive(&'static str),
}

impl Packing {
    /// The content of a file that is to have some name.
    fn unpack(self, path: &Path, name: &str) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut file = File::open(path).map_err(DataError::io("read", path))?;
        let is_zip = name.ends_with(".zip");
        let unpacked = match self {
            Self::Plain => file.read_to_end(&mut bytes).map(drop),
            Self::Gzip => GzDecoder::new(file).read_to_end(&mut bytes).map(drop),
            Self::Archive(member) if is_zip => unzip(file, member, &mut bytes),
            Self::Archive(member) => untar(file, member, &mut bytes),
        };
        let damaged = |error| DataError::parse(path, None, format!("cannot be unpacked ({error}); get a whole copy"));
        unpacked.map(|()| bytes).map_err(damaged)
    }
}

fn unzip(file: File, member: &str, bytes: &mut Vec<u8>) -> std::io::Result<()> {
    let mut archive = zip::ZipArchive::new(file)?;
    archive.by_name(member)?.read_to_end(bytes)?;
    Ok(())
}

fn untar(file: File, member: &str, bytes: &mut Vec<u8>) -> std::io::Result<()> {
    for entry in tar::Archive::new(GzDecoder::new(file)).entries()? {
        let mut entry = entry?;
        // Some archives say `./` before each path.
        if entry.path()?.strip_prefix(".").unwrap_or(&entry.path()?) == Path::new(member) {
            entry.read_to_end(bytes)?;
            return Ok(());
        }
    }
    Err(std::io::Error::other(format!("it holds no {member}")))
}

impl PublishedFile<'_> {
    /// Its content, if it is that.
    fn check(&self, content: Vec<u8>, path: &Path) -> Result<Vec<u8>> {
        let Some(wanted) = self.sha256 else { return Ok(content) };
        let found = hex(&Sha256::digest(&content));
        if found == wanted {
            return Ok(content);
        }
        let (path, wanted, address) = (path.to_path_buf(), wanted.to_owned(), self.url.map(str::to_owned));
        Err(DataError::Checksum { path, kind: "SHA-256 of the content", found, wanted, address })
    }

    /// The names that it may have on the disk.
    fn packings(&self) -> Vec<(String, Packing)> {
        let mut packings = vec![(self.name.to_owned(), Packing::Plain), (format!("{}.gz", self.name), Packing::Gzip)];
        packings.extend(self.archive.map(|archive| (archive.name.to_owned(), Packing::Archive(archive.member))));
        packings
    }

    /// The file in a data folder, in the set's own subfolder, or `root` itself if that is the file.
    fn look_in(&self, root: &Path, packings: &[(String, Packing)]) -> Option<(PathBuf, Packing)> {
        let itself =
            packings.iter().find(|(name, _)| root.is_file() && root.file_name().is_some_and(|own| own == &**name));
        let inside = [root.join(self.folder), root.to_path_buf()];
        let inside = inside.iter().flat_map(|dir| packings.iter().map(|(name, packing)| (dir.join(name), *packing)));
        let itself = itself.map(|(_, packing)| (root.to_path_buf(), *packing));
        itself.into_iter().chain(inside).find(|(path, _)| path.is_file())
    }
}

pub(crate) fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sha256(mut file: File) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => hash.update(&buffer[..read]),
        }
    }
    Ok(hex(&hash.finalize()))
}

/// Compares a file's size and checksum with the published ones.
fn check(path: &Path, file: &DataFile) -> Result<()> {
    let differs = |kind, found, wanted| {
        Err(DataError::Checksum { path: path.to_path_buf(), kind, found, wanted, address: file.url.map(str::to_owned) })
    };
    let opened = File::open(path).map_err(DataError::io("read", path))?;
    let bytes = opened.metadata().map_err(DataError::io("read", path))?.len();
    if bytes != file.bytes {
        return differs("size", format!("{bytes} bytes"), file.bytes.to_string());
    }
    let found = sha256(opened).map_err(DataError::io("read", path))?;
    if found != file.sha256 {
        return differs("SHA-256", found, file.sha256.to_owned());
    }
    Ok(())
}

/// Downloads a file by way of `<path>.part`, going on where an earlier attempt stopped, and moves it into place once it
/// passes `check`.
fn download(url: &str, path: &Path, check: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(DataError::io("create", folder))?;
    let part = path.with_added_extension("part");
    let failed = |reason: String| DataError::Download { url: url.to_owned(), reason, path: path.to_path_buf() };
    fetch(url, &part).map_err(failed)?;
    if let Err(error) = check(&part) {
        let DataError::Checksum { kind, found, wanted, .. } = error else { return Err(error) };
        // Nothing can be added to it that would make it right.
        let _ = std::fs::remove_file(&part);
        let reason = format!("what came was removed, for its {kind} is {found}, not the published {wanted}");
        return Err(failed(reason));
    }
    std::fs::rename(&part, path).map_err(DataError::io("write", path))
}

/// Appends what is missing of `url` to `part`.
fn fetch(url: &str, part: &Path) -> std::result::Result<(), String> {
    let mut file = OpenOptions::new().create(true).append(true).open(part).map_err(|error| error.to_string())?;
    if let Err(TryLockError::WouldBlock) = file.try_lock() {
        return Err("another program is downloading it".to_owned());
    }
    let have = file.metadata().map_err(|error| error.to_string())?.len();
    let agent = ureq::Agent::config_builder()
        .timeout_connect(Some(Duration::from_secs(20)))
        .timeout_recv_response(Some(Duration::from_secs(30)))
        .timeout_recv_body(Some(Duration::from_secs(3600)))
        .build()
        .new_agent();
    let response = agent.get(url).header("Range", format!("bytes={have}-")).call();
    let mut response = match response {
        // The range begins at the end: all of it is there already.
        Err(ureq::Error::StatusCode(416)) if have > 0 => return Ok(()),
        other => other.map_err(|error| error.to_string())?,
    };
    let resumed = response.status() == 206;
    if !resumed {
        file.set_len(0).map_err(|error| error.to_string())?;
    }
    let have = if resumed { have } else { 0 };
    let length = response.body().content_length().map(|left| left + have);
    let mut body = response.body_mut().with_config().limit(u64::MAX).reader();
    copy(&mut body, &mut file, bar(length, have), length)
}

fn copy(from: &mut impl Read, to: &mut File, bar: ProgressBar, length: Option<u64>) -> std::result::Result<(), String> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = from.read(&mut buffer).map_err(|error| format!("the connection broke ({error})"))?;
        if read == 0 {
            break;
        }
        to.write_all(&buffer[..read]).map_err(|error| error.to_string())?;
        bar.inc(read as u64);
    }
    to.sync_all().map_err(|error| error.to_string())?;
    bar.finish_and_clear();
    match length {
        Some(length) if bar.position() < length => {
            Err(format!("the connection broke at {} of {length} bytes, which are kept", bar.position()))
        }
        _ => Ok(()),
    }
}

/// A bar on standard error, hidden off a terminal.
fn bar(length: Option<u64>, position: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:32} {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left");
    let bar = match length {
        Some(length) => ProgressBar::new(length),
        None => ProgressBar::no_length(),
    };
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())).with_position(position)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;

    const CONTENT: &[u8] = b"not only good but great";

    /// The file as published.
    fn published() -> DataFile {
        let digits: String = hex(&Sha256::digest(CONTENT));
        DataFile { name: "set.tar.gz", bytes: CONTENT.len() as u64, sha256: digits.leak(), url: None }
    }

    fn is_published(part: &Path) -> Result<()> {
        check(part, &published())
    }

    /// A server that answers one request after another: each with a status line, headers, and the content from the
    /// asked-for byte, cut after `sent` bytes.
    fn serve(answers: Vec<(&'static str, usize)>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for (status, sent) in answers {
                let (mut stream, _) = listener.accept().unwrap();
                // Always read: a connection that is closed with something unread in it is cut off.
                let asked = requested_start(&stream);
                let from = if status.starts_with("206") { asked } else { 0 };
                let body = &CONTENT[from.min(CONTENT.len())..];
                let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                stream.write_all(head.as_bytes()).unwrap();
                stream.write_all(&body[..sent.min(body.len())]).unwrap();
            }
        });
        format!("http://{address}/set.tar.gz")
    }

    fn requested_start(stream: &std::net::TcpStream) -> usize {
        let lines =
            BufReader::new(stream).lines().map_while(std::result::Result::ok).take_while(|line| !line.is_empty());
        let range =
            lines.filter_map(|line| line.to_lowercase().strip_prefix("range: bytes=").map(str::to_owned)).last();
        range.and_then(|range| range.trim_end_matches('-').parse().ok()).unwrap_or(0)
    }

    #[test]
    fn a_cut_download_keeps_its_part_and_goes_on_from_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("imdb/set.tar.gz");
        let url = serve(vec![("206 Partial Content", 9), ("206 Partial Content", 99)]);
        let error = download(&url, &path, is_published).unwrap_err().to_string();
        assert!(error.contains(&url) && error.contains("broke") && error.contains("set.tar.gz"), "{error}");
        assert!(!path.exists());
        assert_eq!(std::fs::read(path.with_added_extension("part")).unwrap(), &CONTENT[..9]);
        download(&url, &path, is_published).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), CONTENT);
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_server_without_ranges_sends_it_all_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("set.tar.gz");
        std::fs::write(path.with_added_extension("part"), b"stale").unwrap();
        download(&serve(vec![("200 OK", 99)]), &path, is_published).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), CONTENT);
    }

    #[test]
    fn other_content_is_removed_and_reported() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("set.tar.gz");
        for (other, kind) in [
            (DataFile { sha256: "00", ..published() }, "SHA-256"),
            (DataFile { bytes: 7, ..published() }, "23 bytes, not the published 7"),
        ] {
            let error =
                download(&serve(vec![("200 OK", 99)]), &path, |part| check(part, &other)).unwrap_err().to_string();
            assert!(error.contains("was removed") && error.contains(kind), "{error}");
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        }
    }

    #[test]
    fn no_server_and_no_such_page_name_the_address() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("set.tar.gz");
        for url in ["http://127.0.0.1:9/set.tar.gz".to_owned(), serve(vec![("404 Not Found", 0)])] {
            let error = download(&url, &path, is_published).unwrap_err().to_string();
            assert!(error.contains(&url) && !path.exists(), "{error}");
        }
    }

    fn set() -> DataSet {
        DataSet { name: "the set", folder: "set", unpacked: "things", files: vec![published()].leak() }
    }

    #[test]
    fn looks_in_the_given_folder_alone_then_in_variable_and_cache() {
        let dir = tempfile::tempdir().unwrap();
        let [given, variable, cache] = ["given", "variable", "cache"].map(|name| dir.path().join(name));
        for root in [&variable, &cache] {
            std::fs::create_dir_all(root.join("set")).unwrap();
            std::fs::write(root.join("set/set.tar.gz"), CONTENT).unwrap();
        }
        let locator = Locator::with_places(None, Some(variable.clone()), cache.clone());
        let Found::Archive(path) = locator.find(&set()).unwrap() else { panic!() };
        assert_eq!(path, variable.join("set/set.tar.gz"));
        let error = Locator::with_places(Some(&given), Some(variable), cache).find(&set()).unwrap_err().to_string();
        assert!(error.contains("given") && error.contains("--data-dir") && error.contains("set/set.tar.gz"), "{error}");
        assert!(!error.contains("cache"), "{error}");
    }

    #[test]
    fn the_given_path_may_be_the_set_itself() {
        let dir = tempfile::tempdir().unwrap();
        let archive = dir.path().join("set.tar.gz");
        std::fs::write(&archive, CONTENT).unwrap();
        std::fs::create_dir(dir.path().join("things")).unwrap();
        for (given, folder) in [(archive, false), (dir.path().join("things"), true), (dir.path().to_path_buf(), true)] {
            let locator = Locator::with_places(Some(&given), None, dir.path().join("cache"));
            assert_eq!(matches!(locator.find(&set()).unwrap(), Found::Folder(_)), folder, "{}", given.display());
        }
    }

    #[test]
    fn an_altered_archive_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for (content, part) in [(&CONTENT[..9], "size is 9 bytes"), (b"not only good but grand", "SHA-256")] {
            std::fs::write(dir.path().join("set.tar.gz"), content).unwrap();
            let locator = Locator::with_places(Some(dir.path()), None, dir.path().join("cache"));
            let error = locator.find(&set()).unwrap_err().to_string();
            assert!(error.contains(part) && error.contains("set.tar.gz") && error.contains("--data-dir"), "{error}");
        }
    }

    #[test]
    fn a_whole_part_is_taken_without_its_bytes_sent_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("set.tar.gz");
        std::fs::write(path.with_added_extension("part"), CONTENT).unwrap();
        download(&serve(vec![("416 Range Not Satisfiable", 0)]), &path, is_published).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), CONTENT);
    }

    #[test]
    fn two_programs_do_not_write_one_part() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("set.tar.gz");
        let other = File::create(path.with_added_extension("part")).unwrap();
        other.lock().unwrap();
        let error = download("http://127.0.0.1:9/set.tar.gz", &path, is_published).unwrap_err().to_string();
        assert!(error.contains("another program"), "{error}");
    }

    #[test]
    fn what_is_nowhere_is_downloaded_to_the_cache_and_found_there_again() {
        let dir = tempfile::tempdir().unwrap();
        let url = Some(&*serve(vec![("200 OK", 99)]).leak());
        let set = DataSet { files: vec![DataFile { url, ..published() }].leak(), ..set() };
        let locator = Locator::with_places(None, Some(dir.path().join("nothing")), dir.path().join("cache"));
        let found = locator.find(&set).unwrap();
        assert!(matches!(&found, Found::Archive(path) if *path == dir.path().join("cache/set/set.tar.gz")));
        assert_eq!(locator.find(&set).unwrap(), found);
    }

    const PUBLISHED: PublishedFile = PublishedFile {
        set: "the set",
        folder: "set",
        name: "part.txt",
        sha256: None,
        archive: Some(Archive { name: "set.zip", member: "inner/part.txt" }),
        url: Some("http://127.0.0.1:9/part.txt"),
    };

    /// The file in all its packings, and its description.
    fn packed(dir: &Path) -> PublishedFile<'static> {
        std::fs::create_dir_all(dir.join("set")).unwrap();
        std::fs::write(dir.join("set/part.txt"), CONTENT).unwrap();
        let mut gzip = GzEncoder::new(File::create(dir.join("set/part.txt.gz")).unwrap(), Compression::fast());
        gzip.write_all(CONTENT).unwrap();
        gzip.finish().unwrap();
        let mut zip = zip::ZipWriter::new(File::create(dir.join("set/set.zip")).unwrap());
        zip.start_file("inner/part.txt", zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(CONTENT).unwrap();
        zip.finish().unwrap();
        PublishedFile { sha256: Some(hex(&Sha256::digest(CONTENT)).leak()), ..PUBLISHED }
    }

    #[test]
    fn a_file_is_read_plain_from_gzip_and_from_an_archive() {
        let dir = tempfile::tempdir().unwrap();
        let file = packed(dir.path());
        for name in ["part.txt", "part.txt.gz", "set.zip"] {
            let path = dir.path().join("set").join(name);
            for given in [dir.path(), &dir.path().join("set"), &path] {
                let locator = Locator::with_places(Some(given), None, dir.path().join("cache"));
                assert_eq!(locator.read(&file).unwrap(), CONTENT, "{}", given.display());
            }
            std::fs::remove_file(&path).unwrap();
        }
        let error = Locator::with_places(Some(dir.path()), None, dir.path().join("cache")).read(&file).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("set/part.txt or set/part.txt.gz or set/set.zip") && error.contains(file.url.unwrap()),
            "{error}"
        );
    }

    #[test]
    fn a_member_of_a_tar_is_found_under_either_form_of_its_path() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("set.tgz");
        for name in ["./inner/part.txt", "inner/part.txt"] {
            let mut tar = tar::Builder::new(GzEncoder::new(File::create(&path).unwrap(), Compression::fast()));
            let mut header = tar::Header::new_gnu();
            header.set_size(CONTENT.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            tar.append_data(&mut header, name, CONTENT).unwrap();
            tar.into_inner().unwrap().finish().unwrap();
            assert_eq!(Packing::Archive("inner/part.txt").unpack(&path, "set.tgz").unwrap(), CONTENT);
        }
        let error = Packing::Archive("other.txt").unpack(&path, "set.tgz").unwrap_err().to_string();
        assert!(error.contains("set.tgz") && error.contains("no other.txt"), "{error}");
    }

    #[test]
    fn an_altered_file_is_refused_and_a_missing_one_downloaded() {
        let dir = tempfile::tempdir().unwrap();
        let file = packed(dir.path());
        std::fs::write(dir.path().join("set/part.txt"), "altered").unwrap();
        let error = Locator::with_places(Some(dir.path()), None, dir.path().join("cache")).read(&file).unwrap_err();
        assert!(error.to_string().contains("SHA-256 of the content"), "{error}");

        let file = PublishedFile { url: Some(serve(vec![("200 OK", 99)]).leak()), ..file };
        let locator = Locator::with_places(None, None, dir.path().join("cache"));
        assert_eq!(locator.read(&file).unwrap(), CONTENT);
        assert_eq!(std::fs::read(dir.path().join("cache/set/part.txt")).unwrap(), CONTENT);

        // A page that says to log in first is not kept.
        let file = PublishedFile { sha256: Some("00"), url: Some(serve(vec![("200 OK", 99)]).leak()), ..file };
        let locator = Locator::with_places(None, None, dir.path().join("other"));
        let error = locator.read(&file).unwrap_err().to_string();
        assert!(error.contains("was removed") && !dir.path().join("other/set/part.txt").exists(), "{error}");
    }

    #[test]
    fn damaged_zips_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        packed(dir.path());
        let path = dir.path().join("damaged.zip");
        crate::damage::try_damaged(&std::fs::read(dir.path().join("set/set.zip")).unwrap(), |bytes| {
            std::fs::write(&path, bytes).unwrap();
            let _ = Packing::Archive("inner/part.txt").unpack(&path, "damaged.zip");
        });
    }
}
