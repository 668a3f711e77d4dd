//! Videos in folders: one folder for each class, with one folder of PNG files for each video.

use std::path::{Path, PathBuf};

use image::imageops::FilterType;
use sha2::{Digest, Sha256};

use super::folder::{entries, name};
use super::{Recording, RecordingNote, Recordings, video};
use crate::error::{DataError, RecordingError, Result};
use crate::source::hex;

impl Recordings {
    /// Reads videos from folders of PNG files: the subfolders of `dir` are the classes, and each folder in them is a
    /// video. If there is a level of folders between a class and its videos, the name of such a folder is the
    /// [`group`](Recording::group) of its videos:
    ///
    /// ```text
    /// wave/a/1.png, wave/a/2.png, …     class wave, video a
    /// jump/ada/b/1.png, …               class jump, group ada, video b
    /// ```
    ///
    /// The images are in the order of the numbers in their names: `frame2.png` comes before `frame10.png`. The images
    /// are converted to grey values from 0 to 255 and scaled to `side` × `side` pixels, so that all videos have the
    /// same channels, which are the pixels.
    ///
    /// # Errors
    ///
    /// [`DataError::Io`], [`DataError::Empty`] if there are no folders of classes, no videos in one of these folders,
    /// or no images in a video, and [`RecordingError::Image`] for a PNG file that cannot be read as an image.
    pub fn from_videos(dir: &Path, side: usize) -> Result<Self> {
        let (classes, mut skipped) = entries(dir)?;
        if classes.is_empty() {
            let what = "class folders (one per class, with a folder of PNG files for each video)";
            return Err(DataError::Empty { path: dir.to_path_buf(), what });
        }
        let (mut recordings, mut hash) = (Vec::new(), Sha256::new());
        for class in classes {
            for (path, group) in videos(&class, &mut skipped)? {
                let id = path.strip_prefix(dir).unwrap_or(&path).to_string_lossy().replace('\\', "/");
                hash.update(&id);
                let values = read(&path, side, &mut hash, &mut skipped)?;
                recordings.push(Recording { id, group, label: name(&class), values });
            }
        }
        let count = recordings.len();
        let source = format!("{count} videos in folders (SHA-256 of the images {})", hex(&hash.finalize()));
        let mut recordings = Self { channels: video::channels(side), recordings, source, ..Self::default() };
        if let Some(first) = skipped.first() {
            recordings.notes.push(RecordingNote::FilesSkipped { files: skipped.len(), example: name(first) });
        }
        recordings.note_single_members();
        Ok(recordings)
    }
}

/// Reads a video from a folder of PNG files, as [`Recordings::from_videos`] does: the grey values of each image,
/// `[images, side²]`.
///
/// # Errors
///
/// [`DataError::Io`], [`DataError::Empty`] if there are no images, and [`RecordingError::Image`].
pub fn read_video(dir: &Path, side: usize) -> Result<Vec<f32>> {
    read(dir, side, &mut Sha256::new(), &mut Vec::new())
}

/// Returns the folder and the group of each video of a class. Files that are not in the folder of a video are added to
/// `skipped`.
fn videos(class: &Path, skipped: &mut Vec<PathBuf>) -> Result<Vec<(PathBuf, Option<String>)>> {
    let (folders, files) = entries(class)?;
    skipped.extend(files);
    let mut videos = Vec::new();
    for folder in folders {
        let (inner, files) = entries(&folder)?;
        if inner.is_empty() {
            videos.push((folder, None));
            continue;
        }
        skipped.extend(files);
        videos.extend(inner.into_iter().map(|video| (video, Some(name(&folder)))));
    }
    match videos.is_empty() {
        true => Err(DataError::Empty { path: class.to_path_buf(), what: "folders of PNG files (one per video)" }),
        false => Ok(videos),
    }
}

/// Returns the grey values of the images of a video, like [`read_video`], and adds a digest of each image file to
/// `hash`. Files that are not PNG files are added to `skipped`.
fn read(dir: &Path, side: usize, hash: &mut Sha256, skipped: &mut Vec<PathBuf>) -> Result<Vec<f32>> {
    let is_image = |file: &PathBuf| name(file).to_lowercase().ends_with(".png");
    let (mut files, others): (Vec<PathBuf>, Vec<PathBuf>) = entries(dir)?.1.into_iter().partition(is_image);
    skipped.extend(others);
    files.sort_by_cached_key(|file| number_key(&name(file)));
    if files.is_empty() {
        return Err(DataError::Empty { path: dir.to_path_buf(), what: "PNG files (one per frame of the video)" });
    }
    let mut values = Vec::with_capacity(files.len() * side * side);
    for path in files {
        let bytes = std::fs::read(&path).map_err(DataError::io("read", &path))?;
        hash.update(Sha256::digest(&bytes));
        let image = image::load_from_memory_with_format(&bytes, image::ImageFormat::Png)
            .map_err(|error| RecordingError::Image { path, reason: error.to_string() })?;
        let scaled = image::imageops::resize(&grey(&image), side as u32, side as u32, FilterType::Triangle);
        values.extend(scaled.into_raw().into_iter().map(f32::from));
    }
    Ok(values)
}

/// Converts an image to grey values. The background of transparent pixels is white, as in most viewers.
fn grey(image: &image::DynamicImage) -> image::GrayImage {
    let grey = image.to_luma_alpha8();
    image::GrayImage::from_fn(grey.width(), grey.height(), |column, row| {
        let [value, alpha] = grey.get_pixel(column, row).0.map(u16::from);
        image::Luma([((value * alpha + 255 * (255 - alpha)) / 255) as u8])
    })
}

/// Returns a sort key that compares the numbers in file names by value, so that `frame2` comes before `frame10`. The
/// key lists each text in the name together with the number that follows it.
fn number_key(name: &str) -> Vec<(String, u64)> {
    let mut parts = vec![(String::new(), 0u64)];
    let mut in_number = false;
    for letter in name.chars() {
        let Some(digit) = letter.to_digit(10) else {
            if in_number {
                parts.push((String::new(), 0));
            }
            in_number = false;
            if let Some((text, _)) = parts.last_mut() {
                text.push(letter);
            }
            continue;
        };
        in_number = true;
        if let Some((_, number)) = parts.last_mut() {
            *number = number.saturating_mul(10).saturating_add(digit.into());
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes the images of a video. All pixels of an image have the same grey value.
    fn write(dir: &Path, names: &[(&str, u8)]) {
        std::fs::create_dir_all(dir).unwrap();
        for (name, grey) in names {
            image::GrayImage::from_pixel(8, 6, image::Luma([*grey])).save(dir.join(name)).unwrap();
        }
    }

    #[test]
    fn images_are_read_in_the_order_of_their_numbers_and_scaled() {
        let dir = tempfile::tempdir().unwrap();
        write(&dir.path().join("wave/a"), &[("frame10.png", 200), ("frame2.png", 20), ("frame1.png", 10)]);
        write(&dir.path().join("jump/ada/b"), &[("1.png", 50)]);
        std::fs::write(dir.path().join("wave/readme.txt"), "notes").unwrap();
        let videos = Recordings::from_videos(dir.path(), 3).unwrap();
        assert_eq!(videos.channels.len(), 9);
        let [jump, wave] = [0, 1].map(|index| &videos.recordings[index]);
        assert_eq!((jump.id.as_str(), jump.label.as_str(), jump.group.as_deref()), ("jump/ada/b", "jump", Some("ada")));
        assert_eq!((wave.label.as_str(), &wave.group), ("wave", &None));
        assert_eq!(wave.values, [[10.0; 9], [20.0; 9], [200.0; 9]].concat());
        assert!(videos.notes.iter().any(|note| matches!(note, RecordingNote::FilesSkipped { files: 1, .. })));
        assert_eq!(read_video(&dir.path().join("wave/a"), 3).unwrap(), wave.values);
    }

    #[test]
    fn transparent_pixels_are_white() {
        let dir = tempfile::tempdir().unwrap();
        let clear = image::LumaA([0, 0]);
        image::GrayAlphaImage::from_pixel(4, 4, clear).save(dir.path().join("1.png")).unwrap();
        assert_eq!(read_video(dir.path(), 2).unwrap(), [255.0; 4]);
    }

    #[test]
    fn folders_without_videos_and_damaged_images_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = || Recordings::from_videos(dir.path(), 4).unwrap_err();
        assert!(matches!(error(), DataError::Empty { path, .. } if path == dir.path()));
        let video = dir.path().join("wave/a");
        std::fs::create_dir_all(&video).unwrap();
        assert!(matches!(error(), DataError::Empty { path, .. } if path == video));
        std::fs::write(video.join("1.png"), b"\x89PNG\r\n\x1a\n and nothing more").unwrap();
        let found = error();
        assert!(
            matches!(&found, DataError::Recordings(RecordingError::Image { path, .. }) if *path == video.join("1.png"))
        );
        std::fs::remove_dir(dir.path().join("jump")).ok();
        std::fs::create_dir_all(dir.path().join("jump")).unwrap();
        assert!(matches!(error(), DataError::Empty { path, .. } if path == dir.path().join("jump")));
    }
}
