//! The trained model, [`Writer`].

use std::sync::OnceLock;

use burn::tensor::Device;
use inference::dynamic::AnyStreaming;
use inference::{Package, PackageError, PredictError, Predictor, Schemas, Streaming};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rnn::StepState;

use crate::drawing::{Drawing, Options, Pen, Piece, Point, Request, strokes};
use crate::mixture::sample;
use crate::model::{Network, PreparedNetwork, WEIGHT_NAMES};
use crate::settings::Settings;

/// A trained model that draws handwriting, point by point.
#[derive(Debug)]
pub struct Writer {
    network: Network,
    settings: Settings,
    device: Device,
    /// The copy of the network that makes the drawings: see [`Network::prepare`]. It is created for the first drawing.
    prepared: OnceLock<PreparedNetwork>,
}

impl Predictor for Writer {
    const APPLICATION: &'static str = "handwriting";
    type Input = Request;
    type Options = Options;
    type Output = Drawing;

    fn open(package: &Package<'_>, device: &Device) -> Result<Self, PackageError> {
        let settings = package.checked_settings(Settings::check)?;
        let classes = settings.classes.len();
        let init = || settings.model.init(classes, device);
        let network = package.load_network(settings.model.num_params(classes), init, WEIGHT_NAMES)?;
        Ok(Self::new(network, settings, device.clone()))
    }

    /// Makes one drawing per request. For every drawing, the random generator starts from the seed in `options`.
    fn predict(&self, requests: &[Request], options: &Options) -> Result<Vec<Drawing>, PredictError> {
        requests.iter().map(|request| self.draw(request, options)).collect()
    }

    /// Returns a request for the first class.
    fn example(&self) -> Request {
        Request { class: self.settings.classes.first().cloned().unwrap_or_default() }
    }

    fn streaming(&self) -> Option<&dyn AnyStreaming> {
        Some(self)
    }

    /// Returns `false`: drawings are made one after the other, so a batch of requests takes as long as separate calls
    /// with one request each.
    fn gains_from_batches(&self) -> bool {
        false
    }

    fn schemas(&self) -> Schemas {
        crate::schemas::schemas(&self.settings)
    }
}

/// A session: the state of a drawing in progress. It has a recurrent state of its own, so that many sessions can share
/// one model.
#[derive(Debug)]
pub struct Session {
    /// The index of the class that is drawn.
    class: usize,
    /// The temperature: see [`Options::temperature`].
    temperature: f32,
    /// The generator of the random numbers for sampling.
    rng: ChaCha8Rng,
    /// The last point, which the network has not read yet.
    last: Point,
    /// The position of the last point relative to the first point, divided by [`Settings::scale`]; `None` before the
    /// first point.
    position: Option<[f32; 2]>,
    /// The recurrent state before `last` is read.
    state: StepState,
    /// The largest number of points that may still be drawn.
    left: usize,
}

impl Streaming for Writer {
    type Session = Session;
    type Piece = Piece;

    fn begin(&self, request: &Request, options: &Options) -> Result<Session, PredictError> {
        options.check()?;
        Ok(Session {
            class: self.class(&request.class)?,
            temperature: options.temperature,
            rng: ChaCha8Rng::seed_from_u64(options.seed),
            last: Point::START,
            position: None,
            state: self.prepared().start(),
            left: options.max_points.get(),
        })
    }

    fn next(&self, session: &mut Session) -> Result<Option<Piece>, PredictError> {
        if session.left == 0 {
            return Ok(None);
        }
        let parameters = self.prepared().step(&session.last, session.class, &mut session.state);
        let (mut offset, mut pen) = sample(&parameters, session.temperature, &mut session.rng);
        let position = match session.position {
            Some([x, y]) => [x + offset[0], y + offset[1]],
            None => {
                offset = [0.0; 2];
                offset
            }
        };
        session.left = if pen == Pen::End { 0 } else { session.left - 1 };
        if session.left == 0 {
            pen = Pen::End;
        }
        (session.last, session.position) = (Point { offset, pen }, Some(position));
        let [x, y] = position.map(|value| value * self.settings.scale);
        Ok(Some(Piece { x, y, pen }))
    }
}

impl Writer {
    /// Creates a model from its parts. The network must be on `device`, and its sizes must match the settings.
    pub fn new(network: Network, settings: Settings, device: Device) -> Self {
        Self { network, settings, device, prepared: OnceLock::new() }
    }

    /// The settings of the model.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The network of the model.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The device on which the network computes.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Makes a drawing of the requested class.
    ///
    /// # Errors
    ///
    /// [`PredictError::BadInput`] if the model does not know the class, or if the temperature is not a number from 0 to
    /// [`MAX_TEMPERATURE`](crate::drawing::MAX_TEMPERATURE).
    pub fn draw(&self, request: &Request, options: &Options) -> Result<Drawing, PredictError> {
        let mut session = self.begin(request, options)?;
        let mut points = Vec::new();
        while let Some(point) = self.next(&mut session)? {
            points.push(point);
        }
        Ok(Drawing { class: request.class.clone(), strokes: strokes(&points) })
    }

    /// Returns the index of the class with this name.
    ///
    /// # Errors
    ///
    /// [`PredictError::BadInput`] for a class that the model does not know. The error lists the classes.
    fn class(&self, name: &str) -> Result<usize, PredictError> {
        let Settings { classes, .. } = &self.settings;
        classes.iter().position(|class| class == name).ok_or_else(|| {
            PredictError::bad_input(
                "class",
                format!("there is no class `{name}`; the classes are: {}", classes.join(", ")),
            )
        })
    }

    fn prepared(&self) -> &PreparedNetwork {
        self.prepared.get_or_init(|| self.network.prepare())
    }
}

#[cfg(test)]
mod tests {
    use rnn::Cell;

    use super::*;
    use crate::model::tests::config;

    fn writer() -> Writer {
        let device = Device::flex();
        let classes = ["a", "b", "c"].map(str::to_owned).to_vec();
        let settings = Settings { model: config(Cell::Lstm, 2), classes, scale: 0.05 };
        settings.check().unwrap();
        device.seed(4);
        Writer::new(settings.model.init(3, &device), settings, device)
    }

    fn options(seed: u64, max_points: u64) -> Options {
        Options { seed, max_points: max_points.try_into().unwrap(), temperature: 1.0 }
    }

    fn pieces(model: &Writer, class: &str, options: &Options) -> Vec<Piece> {
        let mut session = model.begin(&class.into(), options).unwrap();
        std::iter::from_fn(|| model.next(&mut session).unwrap()).collect()
    }

    #[test]
    fn points_of_a_stream_are_those_of_a_drawing() {
        let model = writer();
        for seed in 0..20 {
            let options = options(seed, 30);
            let points = pieces(&model, "b", &options);
            let drawing = model.predict(&["b".into()], &options).unwrap().remove(0);
            assert_eq!(drawing, Drawing { class: "b".to_owned(), strokes: strokes(&points) });
            assert_eq!((points[0].x, points[0].y), (0.0, 0.0));
            let ends = points.iter().filter(|point| point.pen == Pen::End).count();
            assert!(ends == 1 && points.last().is_some_and(|point| point.pen == Pen::End), "{points:?}");
        }
    }

    #[test]
    fn each_point_is_sampled_from_what_the_network_predicts_after_the_points_before() {
        let model = writer();
        let drawn = |seed| (seed, pieces(&model, "c", &options(seed, 40)));
        let (seed, points) = (0..).map(drawn).find(|(_, points)| points.len() > 8).unwrap();
        let (prepared, mut rng) = (model.network.prepare(), ChaCha8Rng::seed_from_u64(seed));
        let (mut state, mut last, mut before) = (prepared.start(), Point::START, None);
        for point in &points {
            let (mut offset, pen) = sample(&prepared.step(&last, 2, &mut state), 1.0, &mut rng);
            let [x, y] = before.map_or([0.0; 2], |[x, y]: [f32; 2]| [x + 0.05 * offset[0], y + 0.05 * offset[1]]);
            if before.is_none() {
                offset = [0.0; 2];
            }
            approx::assert_abs_diff_eq!(x, point.x, epsilon = 1e-4);
            approx::assert_abs_diff_eq!(y, point.y, epsilon = 1e-4);
            assert!(pen == point.pen || point.pen == Pen::End);
            (last, before) = (Point { offset, pen }, Some([x, y]));
        }
    }

    #[test]
    fn sessions_share_a_model_and_seeds_make_drawings_reproducible() {
        let model = writer();
        let all: Vec<Vec<Piece>> = (0..10).map(|seed| pieces(&model, "a", &options(seed, 25))).collect();
        let mut sessions: Vec<Session> =
            (0..10).map(|seed| model.begin(&"a".into(), &options(seed, 25)).unwrap()).collect();
        let mut found = vec![Vec::new(); 10];
        for _ in 0..=25 {
            for (session, points) in sessions.iter_mut().zip(&mut found) {
                points.extend(model.next(session).unwrap());
            }
        }
        assert_eq!(found, all);
        assert!((1..10).any(|seed| all[seed] != all[0]));
        assert!(all.iter().all(|points| points.len() <= 25));
    }

    #[test]
    fn unknown_classes_and_temperatures_out_of_range_are_refused() {
        let model = writer();
        match model.predict_one("x") {
            Err(PredictError::BadInput { field: "class", reason }) => assert!(reason.contains("a, b, c"), "{reason}"),
            other => panic!("{other:?}"),
        }
        let hot = Options { temperature: -1.0, ..Options::default() };
        let found = model.predict(&["a".into()], &hot);
        assert!(matches!(found, Err(PredictError::BadInput { field: "temperature", .. })));
        let cold = Options { temperature: 0.0, ..Options::default() };
        assert!(model.predict(&[model.example()], &cold).is_ok());
    }

    #[test]
    fn settings_that_contradict_themselves_are_refused() {
        let Settings { model, classes, scale } = writer().settings;
        for (classes, scale) in [(vec![], scale), (vec!["a".to_owned(); 2], scale), (classes, 0.0)] {
            assert!(Settings { model: model.clone(), classes, scale }.check().is_err());
        }
    }
}
