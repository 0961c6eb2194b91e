// written with replay
