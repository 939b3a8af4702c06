// The files of `deploy/` that no test can run here are at least what their readers understand.
import { load, loadAll } from "js-yaml";
import * as apps from "kubernetes-models/apps/v1";
import * as policy from "kubernetes-models/policy/v1";
import * as core from "kubernetes-models/v1";
import { validate } from "dockerfile-utils";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "../fixtures/test";

const DEPLOY = fileURLToPath(new URL("../../deploy/", import.meta.url));
const MODELS: Record<string, any> = { ...apps, ...core, ...policy };

const read = (name: string): string => readFileSync(DEPLOY + name, "utf8");
const manifests = (name: string): any[] => loadAll(read(`kubernetes/${name}`));

// The same value; a field that somebody reads is taken out of `unread`.
function watched(value: any, path: string, unread: Set<string>): any {
  if (typeof value !== "object" || value === null) return value;
  const inner: any = Array.isArray(value) ? [] : {};
  for (const [key, child] of Object.entries(value)) {
    inner[key] = watched(child, `${path}/${key}`, unread);
    unread.add(`${path}/${key}`);
  }
  return new Proxy(inner, {
    get(target, key) {
      unread.delete(`${path}/${String(key)}`);
      return target[key];
    },
  });
}

// Checks an object by the schema of its kind, and gives the fields that the schema does not have: the models never look at
// those.
function unknownFields(manifest: any): string[] {
  const unread = new Set<string>();
  MODELS[manifest.kind].prototype.validate.call(watched(manifest, "", unread));
  return [...unread];
}

test("Kubernetes knows every field of the manifests", () => {
  const files = readdirSync(`${DEPLOY}kubernetes`).filter((name) => name.endsWith(".yaml"));
  const all = files.flatMap(manifests);
  expect(all.map(({ kind }) => kind).sort()).toEqual(["ConfigMap", "Deployment", "PodDisruptionBudget", "Secret", "Service"]);
  for (const manifest of all) expect(unknownFields(manifest), manifest.kind).toEqual([]);
  // A mistake would be noticed.
  const deployment = all.find(({ kind }) => kind === "Deployment");
  expect(unknownFields({ ...deployment, spec: { ...deployment.spec, replicaz: 3 } })).toEqual(["/spec/replicaz"]);
  expect(() => unknownFields({ ...deployment, spec: { ...deployment.spec, replicas: "3" } })).toThrow("must be integer");
});

test("the manifests belong together", () => {
  const [config, deployment, budget, service] = manifests("parlour.yaml");
  const [secret] = manifests("secret.example.yaml");
  const { template, selector } = deployment.spec;
  expect(template.metadata.labels).toMatchObject(selector.matchLabels);
  expect(budget.spec.selector).toEqual(selector);
  expect(service.spec.selector).toEqual(selector.matchLabels);
  const { containers, volumes, ...pod } = template.spec;
  const [volume] = volumes.filter((it: any) => it.secret);
  expect([volume.secret.secretName, volumes.find((it: any) => it.configMap).configMap.name]).toEqual([secret.metadata.name, config.metadata.name]);
  // Every secret that the configuration names is there.
  const toml: string = config.data["parlour.toml"];
  const named = [...toml.matchAll(/"\/secrets\/(\w+)"/g)].map(([, name]) => name).sort();
  expect(named).toEqual(Object.keys(secret.stringData).sort());
  const [container] = containers;
  expect(container.securityContext).toMatchObject({ readOnlyRootFilesystem: true, allowPrivilegeEscalation: false });
  expect(pod.securityContext.runAsNonRoot).toBe(true);
  const seconds = (key: string): number => Number(toml.match(new RegExp(`^${key} = "(\\d+)s"$`, "m"))?.[1]);
  expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(seconds("drain_delay") + seconds("drain_within"));
  const { periodSeconds, failureThreshold } = container.readinessProbe;
  expect(seconds("drain_delay")).toBeGreaterThan(periodSeconds * failureThreshold);
});

test("the Containerfile is read without a complaint, and its last stage is nobody's root", () => {
  const text = read("Containerfile");
  expect(validate(text).map(({ message }) => message)).toEqual([]);
  const last = text.slice(text.lastIndexOf("\nFROM "));
  expect(last).toMatch(/^USER 10001:10001$/m);
  expect(last).toMatch(/^HEALTHCHECK .*"ready"\]$/m);
  for (const [, image] of text.matchAll(/^FROM (\S+)/gm)) expect(image).toMatch(/:(?!latest)/);
});

test("Traefik's example is YAML with what the other examples have", () => {
  const document = readFileSync(`${DEPLOY}../docs/deploy.md`, "utf8");
  const { http } = load(document.match(/^```yaml\n(.*?)^```$/ms)![1]) as any;
  const { service, middlewares } = http.routers.parlour;
  expect(http.services[service].loadBalancer.healthCheck.path).toBe("/readyz");
  for (const name of middlewares) expect(http.middlewares).toHaveProperty(name);
});
