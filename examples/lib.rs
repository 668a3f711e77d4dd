#![doc = include_str!("README.md")]

/// Writes a picture where the program was started, and says so.
pub fn save(name: &str, svg: &str) -> Result<(), Box<dyn std::error::Error>> {
    std::fs::write(name, svg).map_err(|error| format!("cannot write {name}: {error}"))?;
    println!("drawn: {name}");
    Ok(())
}
