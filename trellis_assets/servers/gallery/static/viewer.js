// The model of the page in 3D. Where it cannot be shown, its picture stays and the status says why.
import { Color, PerspectiveCamera, Scene, WebGLRenderer } from "three";
import { OrbitControls } from "/vendor/OrbitControls.js";
import { SparkRenderer, SplatMesh } from "/vendor/spark.module.min.js";

const frame = document.getElementById("viewer");
const status = document.getElementById("status");

function say(text) {
  status.textContent = text;
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
  const camera = new PerspectiveCamera(45, 1, size / 100, size * 20);
  camera.position.copy(centre).add({ x: size * 0.7, y: size * 0.35, z: size * 0.9 });
  const controls = new OrbitControls(camera, renderer.domElement);
  controls.target.copy(centre);
  controls.enableDamping = true;
  controls.autoRotate = !matchMedia("(prefers-reduced-motion: reduce)").matches;
  controls.addEventListener("start", () => (controls.autoRotate = false));

  const fit = () => renderer.setSize(frame.clientWidth, frame.clientHeight, false);
  new ResizeObserver(fit).observe(frame);
  fit();
  frame.replaceChildren(renderer.domElement);
  renderer.setAnimationLoop(() => {
    controls.update();
    renderer.render(scene, camera);
  });
  say(`${model.numSplats.toLocaleString("en")} splats: drag to turn, scroll to come nearer`);
}

show().catch((error) => say(`no 3D view here: ${error.message || error}`));
