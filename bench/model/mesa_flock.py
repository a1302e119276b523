"""The flocking rule of `scenarios/boids_abm.toml` on Mesa: `mesa_flock.py AGENTS STEPS SIDE`. Prints one JSON line."""

import json
import sys
import time

import numpy as np
from mesa import Model
from mesa.experimental.continuous_space import ContinuousSpace, ContinuousSpaceAgent

VISION, SEPARATION = 5.0, 1.0
COHERE, SEPARATE, MATCH = 0.03, 0.015, 0.05


class Bird(ContinuousSpaceAgent):
    """One bird; its course is a unit vector."""

    def __init__(self, model, place, course):
        super().__init__(model.space, model)
        self.position = place
        self.course = course

    def step(self):
        others, distances = self.get_neighbors_in_radius(radius=VISION)
        others = [bird for bird in others if bird is not self]
        if others:
            offsets = self.space.calculate_difference_vector(self.position, agents=others)
            near = np.einsum("ij,ij->i", offsets, offsets) < SEPARATION * SEPARATION
            courses = np.array([bird.course for bird in others]).sum(axis=0)
            change = COHERE * offsets.sum(axis=0) - SEPARATE * offsets[near].sum(axis=0) + MATCH * courses
            self.course = self.course + change / len(others)
            self.course = self.course / np.linalg.norm(self.course)
        self.position = self.position + self.course


class Flock(Model):
    """Birds on a torus."""

    def __init__(self, count, side, seed=1):
        super().__init__(seed=seed)
        self.space = ContinuousSpace([[0, side], [0, side]], torus=True, random=self.random, n_agents=count)
        random = np.random.default_rng(seed)
        angles = random.uniform(0, 2 * np.pi, count)
        courses = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        for place, course in zip(random.uniform(0, side, (count, 2)), courses):
            Bird(self, place, course)

    def step(self):
        self.agents.shuffle_do("step")


def main():
    count, steps, side = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    flock = Flock(count, side)
    began = time.perf_counter()
    for _ in range(steps):
        flock.step()
    print(json.dumps({"agents": count, "steps": steps, "seconds": time.perf_counter() - began}))


if __name__ == "__main__":
    main()
