// The model of the page in 3D. Where it cannot be shown, its picture stays and the status says why.
import { Color, MathUtils, PerspectiveCamera, Scene, Vector3, WebGLRenderer } from "three";
import { OrbitControls } from "../vendor/OrbitControls.js";
import { SparkRenderer, SplatMesh } from "../vendor/spark.module.min.js";

const FIELD_OF_VIEW = 45;
const VIEWED_FROM = new Vector3(0.7, 0.35, 0.9);
const UP = new Vector3(0, 1, 0);
const STEP = Math.PI / 18;

const frame = document.getElementById("viewer");
const status = document.getElementById("status");

function say(text) {
  status.textContent = text;
}

// Arrow keys turn, plus and minus zoom.
function byKeyboard(camera, controls) {
  frame.addEventListener("keydown", (event) => {
    const away = camera.position.clone().sub(controls.target);
    const turns = { ArrowLeft: -STEP, ArrowRight: STEP };
    const tilts = { ArrowUp: -STEP, ArrowDown: STEP };
    const scales = { "+": 0.9, "=": 0.9, "-": 1.1 };
    if (event.key in turns) away.applyAxisAngle(UP, turns[event.key]);
    else if (event.key in tilts) {
      const angle = MathUtils.clamp(away.angleTo(UP) + tilts[event.key], 0.05, Math.PI - 0.05) - away.angleTo(UP);
      away.applyAxisAngle(UP.clone().cross(away).normalize(), angle);
    } else if (event.key in scales) away.multiplyScalar(scales[event.key]);
    else return;
    event.preventDefault();
    controls.autoRotate = false;
    camera.position.copy(controls.target).add(away);
  });
}

async function show() {
  const renderer = new WebGLRenderer({ antialias: false });
  renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
  const scene = new Scene();
  scene.background = new Color(0xffffff);
  scene.add(new SparkRenderer({ renderer }));
  const model = new SplatMesh({ url: frame.dataset.model });
  scene.add(model);
  await model.initialized;

  const box = model.getBoundingBox();
  const centre = box.getCenter(model.position.clone());
  const size = Math.max(box.max.distanceTo(box.min), 1e-3);
  const camera = new PerspectiveCamera(FIELD_OF_VIEW, 1, size / 100, size * 20);
  // The sphere around the box, of radius size / 2, touches the edges of the view: 1.31 times the diagonal.
  const distance = size / 2 / Math.sin(MathUtils.degToRad(FIELD_OF_VIEW / 2));
  camera.position.copy(VIEWED_FROM).setLength(distance).add(centre);
  const controls = new OrbitControls(camera, renderer.domElement);
  controls.target.copy(centre);
  controls.enableDamping = true;
  controls.autoRotate = !matchMedia("(prefers-reduced-motion: reduce)").matches;
  controls.addEventListener("start", () => (controls.autoRotate = false));

  byKeyboard(camera, controls);
  // One finger that goes up or down scrolls the page; sideways it turns the model.
  renderer.domElement.style.touchAction = "pan-y";

  const fit = () => renderer.setSize(frame.clientWidth, frame.clientHeight, false);
  new ResizeObserver(fit).observe(frame);
  fit();
  frame.replaceChildren(renderer.domElement);
  renderer.setAnimationLoop(() => {
    controls.update();
    renderer.render(scene, camera);
  });
  say(`${model.numSplats.toLocaleString("en")} splats: drag or use the arrow keys to turn, scroll or + and - to zoom`);
}

show().catch((error) => say(`no 3D view here: ${error.message || error}`));
