use std::io::Write;

use flate2::{Compression, write::GzEncoder};

use super::*;

pub(super) const CONTENT: &[u8] = b"not only good but great";

fn leaked<T>(values: Vec<T>) -> &'static [T] {
    values.leak()
}

/// A locator over one data folder, which never downloads.
fn given(path: &Path) -> Locator {
    Locator::with_places(Some(path), None, path.join("unused-cache"))
}

/// The archive as published: a folder `things` or a `set.tar.gz` of known size and checksum.
pub(super) fn archive() -> Form {
    let sha256 = hex(&Sha256::digest(CONTENT)).leak();
    Form { name: "set.tar.gz", packing: Packing::TarGz, packed: Some((CONTENT.len() as u64, sha256)), url: None }
}

fn source(forms: Vec<Form>, sha256: Option<&'static str>) -> Source {
    let file = PublishedFile { name: "part.txt", sha256, forms: leaked(forms) };
    Source { name: "the set", folder: "set", files: leaked(vec![file]), licence: "none", citation: "none" }
}

fn folder_or_archive() -> Source {
    let folder = Form { name: "things", packing: Packing::Folder, packed: None, url: None };
    source(vec![folder, archive()], None)
}

fn text() -> Source {
    let forms = vec![Form::plain("part.txt"), Form::gzip("part.txt.gz"), Form::member("set.zip", "inner/part.txt")];
    source(forms, Some(hex(&Sha256::digest(CONTENT)).leak()))
}

/// Writes the text in all its forms into `<dir>/set`.
fn write_all_forms(dir: &Path) {
    std::fs::create_dir_all(dir.join("set")).unwrap();
    std::fs::write(dir.join("set/part.txt"), CONTENT).unwrap();
    let mut gzip = GzEncoder::new(File::create(dir.join("set/part.txt.gz")).unwrap(), Compression::fast());
    gzip.write_all(CONTENT).unwrap();
    gzip.finish().unwrap();
    let mut zip = zip::ZipWriter::new(File::create(dir.join("set/set.zip")).unwrap());
    zip.start_file("inner/part.txt", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(CONTENT).unwrap();
    zip.finish().unwrap();
}

fn find(locator: &Locator, source: &Source) -> Result<Found> {
    locator.find(source, &source.files[0])
}

fn read(locator: &Locator, source: &Source) -> Result<Vec<u8>> {
    locator.read(source, &source.files[0])
}

#[test]
fn a_locator_can_be_shared_between_threads() {
    fn shared<T: Clone + Send + Sync + 'static>(_: &T) {}
    shared(&Locator::new(None).with_progress(|_| {}));
    // An error of the crate can be converted to `Box<dyn Error + Send + Sync>`.
    fn sendable<T: std::error::Error + Send + Sync + 'static>() {}
    sendable::<DataError>();
}

#[test]
fn the_given_folder_is_searched_alone_else_variable_then_cache() {
    let dir = tempfile::tempdir().unwrap();
    let [only, variable, cache] = ["given", "variable", "cache"].map(|name| dir.path().join(name));
    for root in [&variable, &cache] {
        std::fs::create_dir_all(root.join("set")).unwrap();
        std::fs::write(root.join("set/set.tar.gz"), CONTENT).unwrap();
    }
    let set = folder_or_archive();
    let locator = Locator::with_places(None, Some(variable.clone()), cache.clone());
    assert_eq!(find(&locator, &set).unwrap().path, variable.join("set/set.tar.gz"));
    let error = find(&Locator::with_places(Some(&only), Some(variable), cache), &set).unwrap_err();
    assert_eq!(error.setting(), Some("data_dir"));
    let DataError::NotFound { places, wanted, .. } = error else { panic!("{error}") };
    assert_eq!(places, [only]);
    assert_eq!(wanted, ["set/things/", "set/set.tar.gz"]);
}

#[test]
fn the_given_path_may_be_the_set_itself() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("set.tar.gz"), CONTENT).unwrap();
    std::fs::create_dir(dir.path().join("things")).unwrap();
    for (path, packing) in [
        (dir.path().join("set.tar.gz"), Packing::TarGz),
        (dir.path().join("things"), Packing::Folder),
        (dir.path().to_path_buf(), Packing::Folder),
    ] {
        assert_eq!(find(&given(&path), &folder_or_archive()).unwrap().packing, packing, "{}", path.display());
    }
}

#[test]
fn a_users_file_that_was_moved_is_found_in_the_given_folder() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new/own.csv");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, CONTENT).unwrap();
    let old = Path::new("/old/own.csv");
    for place in [path.parent().unwrap(), &path] {
        let locator = given(place);
        assert!(locator.is_ignored());
        assert_eq!(locator.clone().own_file(old), path);
        assert!(!locator.is_ignored());
    }
    let locator = given(path.parent().unwrap());
    assert_eq!(locator.own_file(Path::new("/old/other.csv")), Path::new("/old/other.csv"));
    assert!(locator.is_ignored(), "the folder has no such file");
    let searched = Locator::with_places(None, Some(dir.path().join("new")), dir.path().to_path_buf());
    assert!(searched.own_file(old) == old && !searched.is_ignored(), "the caller gave no folder");
}

#[test]
fn an_altered_archive_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for (content, wrong) in [(&CONTENT[..9], "size"), (b"not only good but grand", "SHA-256")] {
        std::fs::write(dir.path().join("set.tar.gz"), content).unwrap();
        let error = find(&given(dir.path()), &folder_or_archive()).unwrap_err();
        assert!(
            matches!(&error, DataError::Checksum { kind, path, .. }
            if *kind == wrong && path.ends_with("set.tar.gz")),
            "{error}"
        );
    }
}

#[test]
fn a_file_is_read_plain_from_gzip_and_from_an_archive() {
    let dir = tempfile::tempdir().unwrap();
    write_all_forms(dir.path());
    let set = text();
    for name in ["part.txt", "part.txt.gz", "set.zip"] {
        let path = dir.path().join("set").join(name);
        for place in [dir.path(), &dir.path().join("set"), &path] {
            assert_eq!(read(&given(place), &set).unwrap(), CONTENT, "{}", place.display());
        }
        std::fs::remove_file(&path).unwrap();
    }
    let error = read(&given(dir.path()), &set).unwrap_err();
    assert!(matches!(&error, DataError::NotFound { wanted, .. } if wanted.len() == 3), "{error}");
}

#[test]
fn altered_content_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    write_all_forms(dir.path());
    std::fs::write(dir.path().join("set/part.txt"), "altered").unwrap();
    let error = read(&given(dir.path()), &text()).unwrap_err();
    assert!(matches!(&error, DataError::Checksum { path, .. } if path.ends_with("set/part.txt")), "{error}");
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
        assert_eq!(Packing::Member("inner/part.txt").unpack(&path, "set.tgz").unwrap(), CONTENT);
    }
    let error = Packing::Member("other.txt").unpack(&path, "set.tgz").unwrap_err();
    assert!(matches!(&error, DataError::Unpack { path, .. } if path.ends_with("set.tgz")), "{error}");
}

#[test]
fn damaged_zips_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    write_all_forms(dir.path());
    let path = dir.path().join("damaged.zip");
    test_support::try_damaged(&std::fs::read(dir.path().join("set/set.zip")).unwrap(), |bytes| {
        std::fs::write(&path, bytes).unwrap();
        let _ = Packing::Member("inner/part.txt").unpack(&path, "damaged.zip");
    });
}

#[cfg(not(feature = "download"))]
#[test]
fn without_the_feature_a_missing_file_is_not_found() {
    let dir = tempfile::tempdir().unwrap();
    let set = source(vec![Form::plain("part.txt").at("http://127.0.0.1:9/part.txt")], None);
    let error = read(&Locator::with_places(None, None, dir.path().to_path_buf()), &set).unwrap_err();
    assert!(matches!(&error, DataError::NotFound { url: Some(_), .. }), "{error}");
}

#[cfg(feature = "download")]
mod downloads {
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;
    use std::sync::{Arc, Mutex};

    use super::super::download::download;
    use super::*;

    /// Starts a server on a free port that answers one request per element: with a status line, headers, and the first
    /// `sent` bytes of the content from the requested byte on.
    fn serve(answers: Vec<(&'static str, usize)>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for (status, sent) in answers {
                let (mut stream, _) = listener.accept().unwrap();
                // Closing a connection with unread bytes would reset it.
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
        let lines = BufReader::new(stream).lines().map_while(|line| line.ok()).take_while(|line| !line.is_empty());
        let range =
            lines.filter_map(|line| line.to_lowercase().strip_prefix("range: bytes=").map(str::to_owned)).last();
        range.and_then(|range| range.trim_end_matches('-').parse().ok()).unwrap_or(0)
    }

    fn fetch(url: &str, path: &Path) -> Result<()> {
        download(url, path, |part| archive().check(part), |_, _| {})
    }

    #[track_caller]
    fn assert_download_error(result: Result<()>, url: &str) {
        let error = result.unwrap_err();
        assert!(matches!(&error, DataError::Download { url: named, .. } if named == url), "{error}");
    }

    #[test]
    fn an_interrupted_download_keeps_its_part_and_resumes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("imdb/set.tar.gz");
        let url = serve(vec![("206 Partial Content", 9), ("206 Partial Content", 99)]);
        assert_download_error(fetch(&url, &path), &url);
        assert!(!path.exists());
        assert_eq!(std::fs::read(path.with_added_extension("part")).unwrap(), &CONTENT[..9]);
        fetch(&url, &path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), CONTENT);
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_server_without_ranges_sends_the_whole_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("set.tar.gz");
        std::fs::write(path.with_added_extension("part"), b"stale").unwrap();
        fetch(&serve(vec![("200 OK", 99)]), &path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), CONTENT);
    }

    #[test]
    fn a_complete_part_is_used_without_another_transfer() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("set.tar.gz");
        std::fs::write(path.with_added_extension("part"), CONTENT).unwrap();
        fetch(&serve(vec![("416 Range Not Satisfiable", 0)]), &path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), CONTENT);
    }

    #[test]
    fn wrong_content_is_removed_and_reported() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("set.tar.gz");
        for packed in [(CONTENT.len() as u64, "00"), (7, "00")] {
            let (url, form) = (serve(vec![("200 OK", 99)]), Form { packed: Some(packed), ..archive() });
            assert_download_error(download(&url, &path, |part| form.check(part), |_, _| {}), &url);
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        }
    }

    #[test]
    fn a_refused_connection_and_a_missing_page_name_the_address() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("set.tar.gz");
        for url in ["http://127.0.0.1:9/set.tar.gz".to_owned(), serve(vec![("404 Not Found", 0)])] {
            assert_download_error(fetch(&url, &path), &url);
            assert!(!path.exists());
        }
    }

    #[test]
    fn two_programs_do_not_write_one_part() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("set.tar.gz");
        let other = File::create(path.with_added_extension("part")).unwrap();
        other.lock().unwrap();
        let url = serve(vec![("200 OK", 99)]);
        assert_download_error(fetch(&url, &path), &url);
        assert!(!path.exists());
    }

    #[test]
    fn a_missing_archive_is_downloaded_to_the_cache_with_progress_and_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let set = source(vec![archive().at(serve(vec![("200 OK", 99)]).leak())], None);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let progress = Arc::clone(&seen);
        let locator = Locator::with_places(None, Some(dir.path().join("nothing")), dir.path().join("cache"))
            .with_progress(move |now| progress.lock().unwrap().push((now.received, now.total)));
        let found = find(&locator, &set).unwrap();
        assert_eq!(found.path, dir.path().join("cache/set/set.tar.gz"));
        assert_eq!(find(&locator, &set).unwrap(), found);
        let size = CONTENT.len() as u64;
        assert_eq!(seen.lock().unwrap().first(), Some(&(0, None)));
        assert_eq!(seen.lock().unwrap().last(), Some(&(size, Some(size))));
    }

    #[test]
    fn a_missing_file_is_downloaded_and_its_content_checked() {
        let dir = tempfile::tempdir().unwrap();
        let forms = || vec![Form::plain("part.txt").at(serve(vec![("200 OK", 99)]).leak())];
        let set = source(forms(), text().files[0].sha256);
        let locator = Locator::with_places(None, None, dir.path().join("cache"));
        assert_eq!(read(&locator, &set).unwrap(), CONTENT);
        assert_eq!(std::fs::read(dir.path().join("cache/set/part.txt")).unwrap(), CONTENT);

        // A server may answer with a login page and status 200.
        let locator = Locator::with_places(None, None, dir.path().join("other"));
        let error = read(&locator, &source(forms(), Some("00"))).unwrap_err();
        assert!(matches!(error, DataError::Download { .. }), "{error}");
        assert!(!dir.path().join("other/set/part.txt").exists());
    }

    #[test]
    fn a_missing_archive_of_a_member_is_downloaded_whole() {
        let dir = tempfile::tempdir().unwrap();
        let form = Form::member("set.zip", "inner/part.txt").at(serve(vec![("200 OK", 99)]).leak());
        let locator = Locator::with_places(None, None, dir.path().to_path_buf());
        // The served bytes are no zip archive; they must not take the archive's place.
        let error = read(&locator, &source(vec![form], None)).unwrap_err();
        assert!(matches!(error, DataError::Unpack { .. }), "{error}");
        assert!(!dir.path().join("set/set.zip").exists());
    }
}
