CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
CREATE TABLE "experiment_tags" (
	"key" VARCHAR(250) NOT NULL, 
	value TEXT, 
	experiment_id INTEGER NOT NULL, 
	CONSTRAINT experiment_tag_pk PRIMARY KEY ("key", experiment_id), 
	FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id)
);
CREATE TABLE "experiments" (
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	artifact_location VARCHAR(256), 
	lifecycle_stage VARCHAR(32), 
	creation_time BIGINT, 
	last_update_time BIGINT, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT experiment_pk PRIMARY KEY (experiment_id), 
	CONSTRAINT experiments_lifecycle_stage CHECK (lifecycle_stage IN ('active', 'deleted')), 
	CONSTRAINT uq_experiments_workspace_name UNIQUE (workspace, name)
);
CREATE TABLE inputs (
	input_uuid VARCHAR(36) NOT NULL, 
	source_type VARCHAR(36) NOT NULL, 
	source_id VARCHAR(36) NOT NULL, 
	destination_type VARCHAR(36) NOT NULL, 
	destination_id VARCHAR(36) NOT NULL, step BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT inputs_pk PRIMARY KEY (source_type, source_id, destination_type, destination_id)
);
CREATE TABLE "latest_metrics" (
	"key" VARCHAR(250) NOT NULL, 
	value FLOAT NOT NULL, 
	timestamp BIGINT, 
	step BIGINT NOT NULL, 
	is_nan BOOLEAN NOT NULL, 
	run_uuid VARCHAR(32) NOT NULL, 
	CONSTRAINT latest_metric_pk PRIMARY KEY ("key", run_uuid), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid), 
	CHECK (is_nan IN (0, 1))
);
CREATE TABLE logged_model_metrics (
	model_id VARCHAR(36) NOT NULL, 
	metric_name VARCHAR(500) NOT NULL, 
	metric_timestamp_ms BIGINT NOT NULL, 
	metric_step BIGINT NOT NULL, 
	metric_value FLOAT, 
	experiment_id INTEGER NOT NULL, 
	run_id VARCHAR(32) NOT NULL, 
	dataset_uuid VARCHAR(36), 
	dataset_name VARCHAR(500), 
	dataset_digest VARCHAR(36), 
	CONSTRAINT logged_model_metrics_pk PRIMARY KEY (model_id, metric_name, metric_timestamp_ms, metric_step, run_id), 
	CONSTRAINT fk_logged_model_metrics_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CONSTRAINT fk_logged_model_metrics_model_id FOREIGN KEY(model_id) REFERENCES logged_models (model_id) ON DELETE CASCADE, 
	CONSTRAINT fk_logged_model_metrics_run_id FOREIGN KEY(run_id) REFERENCES runs (run_uuid) ON DELETE CASCADE
);
CREATE TABLE logged_model_params (
	model_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	param_key VARCHAR(255) NOT NULL, 
	param_value TEXT NOT NULL, 
	CONSTRAINT logged_model_params_pk PRIMARY KEY (model_id, param_key), 
	CONSTRAINT fk_logged_model_params_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CONSTRAINT fk_logged_model_params_model_id FOREIGN KEY(model_id) REFERENCES logged_models (model_id) ON DELETE CASCADE
);
CREATE TABLE logged_model_tags (
	model_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	tag_key VARCHAR(255) NOT NULL, 
	tag_value TEXT NOT NULL, 
	CONSTRAINT logged_model_tags_pk PRIMARY KEY (model_id, tag_key), 
	CONSTRAINT fk_logged_model_tags_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CONSTRAINT fk_logged_model_tags_model_id FOREIGN KEY(model_id) REFERENCES logged_models (model_id) ON DELETE CASCADE
);
CREATE TABLE logged_models (
	model_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(500) NOT NULL, 
	artifact_location VARCHAR(1000) NOT NULL, 
	creation_timestamp_ms BIGINT NOT NULL, 
	last_updated_timestamp_ms BIGINT NOT NULL, 
	status INTEGER NOT NULL, 
	lifecycle_stage VARCHAR(32), 
	model_type VARCHAR(500), 
	source_run_id VARCHAR(32), 
	status_message VARCHAR(1000), 
	CONSTRAINT logged_models_pk PRIMARY KEY (model_id), 
	CONSTRAINT logged_models_lifecycle_stage_check CHECK (lifecycle_stage IN ('active', 'deleted')), 
	CONSTRAINT fk_logged_models_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE
);
CREATE TABLE "metrics" (
	"key" VARCHAR(250) NOT NULL, 
	value FLOAT NOT NULL, 
	timestamp BIGINT NOT NULL, 
	run_uuid VARCHAR(32) NOT NULL, 
	step BIGINT DEFAULT '0' NOT NULL, 
	is_nan BOOLEAN DEFAULT '0' NOT NULL, 
	CONSTRAINT metric_pk PRIMARY KEY ("key", timestamp, step, run_uuid, value, is_nan), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid), 
	CHECK (is_nan IN (0, 1))
);
CREATE TABLE "model_version_tags" (
	"key" VARCHAR(250) NOT NULL, 
	value TEXT, 
	name VARCHAR(256) NOT NULL, 
	version INTEGER NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT model_version_tag_pk PRIMARY KEY (workspace, "key", name, version), 
	CONSTRAINT fk_model_version_tags_model_versions FOREIGN KEY(workspace, name, version) REFERENCES model_versions (workspace, name, version) ON UPDATE CASCADE
);
CREATE TABLE "model_versions" (
	name VARCHAR(256) NOT NULL, 
	version INTEGER NOT NULL, 
	creation_time BIGINT, 
	last_updated_time BIGINT, 
	description VARCHAR(5000), 
	user_id VARCHAR(256), 
	current_stage VARCHAR(20), 
	source VARCHAR(500), 
	run_id VARCHAR(32), 
	status VARCHAR(20), 
	status_message VARCHAR(500), 
	run_link VARCHAR(500), 
	storage_location VARCHAR(500), 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT model_version_pk PRIMARY KEY (workspace, name, version), 
	CONSTRAINT fk_model_versions_registered_models FOREIGN KEY(workspace, name) REFERENCES registered_models (workspace, name) ON UPDATE CASCADE
);
CREATE TABLE "params" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(8000) NOT NULL, 
	run_uuid VARCHAR(32) NOT NULL, 
	CONSTRAINT param_pk PRIMARY KEY ("key", run_uuid), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid)
);
CREATE TABLE "registered_model_aliases" (
	alias VARCHAR(256) NOT NULL, 
	version INTEGER NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT registered_model_alias_pk PRIMARY KEY (workspace, name, alias), 
	CONSTRAINT fk_registered_model_aliases_registered_models FOREIGN KEY(workspace, name) REFERENCES registered_models (workspace, name) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE "registered_model_tags" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(5000), 
	name VARCHAR(256) NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT registered_model_tag_pk PRIMARY KEY (workspace, "key", name), 
	CONSTRAINT fk_registered_model_tags_registered_models FOREIGN KEY(workspace, name) REFERENCES registered_models (workspace, name) ON UPDATE CASCADE
);
CREATE TABLE "registered_models" (
	name VARCHAR(256) NOT NULL, 
	creation_time BIGINT, 
	last_updated_time BIGINT, 
	description VARCHAR(5000), 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT registered_model_pk PRIMARY KEY (workspace, name)
);
CREATE TABLE "runs" (
	run_uuid VARCHAR(32) NOT NULL, 
	name VARCHAR(250), 
	source_type VARCHAR(20), 
	source_name VARCHAR(500), 
	entry_point_name VARCHAR(50), 
	user_id VARCHAR(256), 
	status VARCHAR(9), 
	start_time BIGINT, 
	end_time BIGINT, 
	source_version VARCHAR(50), 
	lifecycle_stage VARCHAR(20), 
	artifact_uri VARCHAR(200), 
	experiment_id INTEGER, deleted_time BIGINT, 
	CONSTRAINT run_pk PRIMARY KEY (run_uuid), 
	CONSTRAINT source_type CHECK (source_type IN ('NOTEBOOK', 'JOB', 'LOCAL', 'UNKNOWN', 'PROJECT')), 
	CONSTRAINT runs_lifecycle_stage CHECK (lifecycle_stage IN ('active', 'deleted')), 
	FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CHECK (status IN ('SCHEDULED', 'FAILED', 'FINISHED', 'RUNNING', 'KILLED'))
);
CREATE TABLE "tags" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(8000), 
	run_uuid VARCHAR(32) NOT NULL, 
	CONSTRAINT tag_pk PRIMARY KEY ("key", run_uuid), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid)
);
CREATE INDEX idx_experiments_workspace ON experiments (workspace);
CREATE INDEX idx_experiments_workspace_creation_time ON experiments (workspace, creation_time);
CREATE INDEX idx_model_version_tags_workspace_name_version ON model_version_tags (workspace, name, version);
CREATE INDEX idx_registered_model_tags_workspace_name ON registered_model_tags (workspace, name);
CREATE INDEX idx_registered_models_workspace ON registered_models (workspace);
CREATE INDEX index_inputs_destination_type_destination_id_source_type ON inputs (destination_type, destination_id, source_type);
CREATE INDEX index_inputs_input_uuid ON inputs (input_uuid);
CREATE INDEX index_latest_metrics_run_uuid ON latest_metrics (run_uuid);
CREATE INDEX index_logged_model_metrics_model_id ON logged_model_metrics (model_id);
CREATE INDEX index_metrics_run_uuid ON metrics (run_uuid);
CREATE INDEX index_metrics_run_uuid_key_step ON metrics (run_uuid, "key", step);
CREATE INDEX index_params_run_uuid ON params (run_uuid);
CREATE INDEX index_tags_run_uuid ON tags (run_uuid);
INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time, last_update_time, workspace) VALUES (0, 'Default', '/made/mlruns/artifacts/0', 'active', 1796000436427, 1796000436427, 'default');
INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time, last_update_time, workspace) VALUES (1, 'My lakes', '/made/mlruns/artifacts/My lakes', 'active', 1796000437202, 1796000437202, 'default');
INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time, last_update_time, workspace) VALUES (2, 'MountainCar-v0', '/made/mlruns/artifacts/MountainCar-v0', 'active', 1796000437734, 1796000437734, 'default');
INSERT INTO experiment_tags (key, value, experiment_id) VALUES ('mlflow.experimentKind', 'custom_model_development', 1);
INSERT INTO experiment_tags (key, value, experiment_id) VALUES ('mlflow.experimentKind', 'custom_model_development', 2);
INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time, end_time, source_version, lifecycle_stage, artifact_uri, experiment_id, deleted_time) VALUES ('25b559586205416f8b35955082717de4', 'seed=0', 'UNKNOWN', '', '', 'unknown', 'FINISHED', 1796000437766, 1796000450722, '', 'active', '/made/mlruns/artifacts/MountainCar-v0/25b559586205416f8b35955082717de4/artifacts', 2, NULL);
INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time, end_time, source_version, lifecycle_stage, artifact_uri, experiment_id, deleted_time) VALUES ('623672ad3e2d44cf83add7a14a2f24f3', 'buckets=20', 'UNKNOWN', '', '', 'unknown', 'FINISHED', 1796000437238, 1796000437458, '', 'active', '/made/mlruns/artifacts/My lakes/623672ad3e2d44cf83add7a14a2f24f3/artifacts', 1, NULL);
INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time, end_time, source_version, lifecycle_stage, artifact_uri, experiment_id, deleted_time) VALUES ('ed7c328178ae4c4cbdabd9dc406790e6', 'seed=1', 'UNKNOWN', '', '', 'unknown', 'FINISHED', 1796000452344, 1796000452710, '', 'active', '/made/mlruns/artifacts/MountainCar-v0/ed7c328178ae4c4cbdabd9dc406790e6/artifacts', 2, NULL);
INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES ('eval/return_mean', -150.0, 1796000437354, '623672ad3e2d44cf83add7a14a2f24f3', 4, 0);
INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES ('optimum/gap', 0.0, 1796000437354, '623672ad3e2d44cf83add7a14a2f24f3', 0, 1);
INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES ('test/return_mean', -110.5, 1796000437354, '623672ad3e2d44cf83add7a14a2f24f3', 0, 0);
INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES ('train/epsilon', 0.0, 1796000437354, '623672ad3e2d44cf83add7a14a2f24f3', 2, 0);
INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES ('train/epsilon', 0.0, 1796000437354, '623672ad3e2d44cf83add7a14a2f24f3', 3, 0);
INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES ('train/epsilon', 0.25, 1796000437354, '623672ad3e2d44cf83add7a14a2f24f3', 1, 0);
INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES ('train/epsilon', 0.5, 1796000437354, '623672ad3e2d44cf83add7a14a2f24f3', 0, 0);
INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES ('train/epsilon', 4.94065645841247e-324, 1796000437354, '623672ad3e2d44cf83add7a14a2f24f3', 4, 0);
INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES ('train/return_avg', -1.79769313486231562234e+308, 1796000437354, '623672ad3e2d44cf83add7a14a2f24f3', 4, 0);
INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES ('train/return_avg', -180.5, 1796000437354, '623672ad3e2d44cf83add7a14a2f24f3', 2, 0);
INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES ('train/return_avg', -200.0, 1796000437354, '623672ad3e2d44cf83add7a14a2f24f3', 0, 0);
INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES ('train/return_avg', 0.0, 1796000437354, '623672ad3e2d44cf83add7a14a2f24f3', 1, 1);
INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES ('train/return_avg', 1.79769313486231562234e+308, 1796000437354, '623672ad3e2d44cf83add7a14a2f24f3', 3, 0);
INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES ('train/seconds', 1.79769313486231562234e+308, 1796000437354, '623672ad3e2d44cf83add7a14a2f24f3', 0, 0);
INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) VALUES ('eval/return_mean', -150.0, 1796000437354, 4, 0, '623672ad3e2d44cf83add7a14a2f24f3');
INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) VALUES ('optimum/gap', 0.0, 1796000437354, 0, 1, '623672ad3e2d44cf83add7a14a2f24f3');
INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) VALUES ('test/return_mean', -110.5, 1796000437354, 0, 0, '623672ad3e2d44cf83add7a14a2f24f3');
INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) VALUES ('train/epsilon', 4.94065645841247e-324, 1796000437354, 4, 0, '623672ad3e2d44cf83add7a14a2f24f3');
INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) VALUES ('train/return_avg', -1.79769313486231562234e+308, 1796000437354, 4, 0, '623672ad3e2d44cf83add7a14a2f24f3');
INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) VALUES ('train/seconds', 1.79769313486231562234e+308, 1796000437354, 0, 0, '623672ad3e2d44cf83add7a14a2f24f3');
INSERT INTO params (key, value, run_uuid) VALUES ('buckets', '20', '623672ad3e2d44cf83add7a14a2f24f3');
INSERT INTO params (key, value, run_uuid) VALUES ('env.kwargs.größe', '[30,15]', '623672ad3e2d44cf83add7a14a2f24f3');
INSERT INTO params (key, value, run_uuid) VALUES ('long', printf('%.6000c', 'v'), '623672ad3e2d44cf83add7a14a2f24f3');
INSERT INTO tags (key, value, run_uuid) VALUES ('mlflow.runName', 'buckets=20', '623672ad3e2d44cf83add7a14a2f24f3');
INSERT INTO tags (key, value, run_uuid) VALUES ('mlflow.source.name', 'qsweep', '623672ad3e2d44cf83add7a14a2f24f3');
INSERT INTO tags (key, value, run_uuid) VALUES ('mlflow.source.type', 'LOCAL', '623672ad3e2d44cf83add7a14a2f24f3');
INSERT INTO tags (key, value, run_uuid) VALUES ('qsweep.qtable_sha256', 'ab', '623672ad3e2d44cf83add7a14a2f24f3');
INSERT INTO tags (key, value, run_uuid) VALUES ('qsweep.sweep', 's', '623672ad3e2d44cf83add7a14a2f24f3');
INSERT INTO tags (key, value, run_uuid) VALUES ('qsweep.varied', printf('%.8000c', 't'), '623672ad3e2d44cf83add7a14a2f24f3');
INSERT INTO logged_models (model_id, experiment_id, name, artifact_location, creation_timestamp_ms, last_updated_timestamp_ms, status, lifecycle_stage, model_type, source_run_id, status_message) VALUES ('m-b205e4eb0f714eeb856ee3498699717b', 2, 'policy', '/made/mlruns/artifacts/MountainCar-v0/models/m-b205e4eb0f714eeb856ee3498699717b/artifacts', 1796000451250, 1796000451541, 2, 'active', NULL, '25b559586205416f8b35955082717de4', NULL);
INSERT INTO logged_models (model_id, experiment_id, name, artifact_location, creation_timestamp_ms, last_updated_timestamp_ms, status, lifecycle_stage, model_type, source_run_id, status_message) VALUES ('m-d14963b9b3ec4b76a99273974085ea89', 2, 'policy', '/made/mlruns/artifacts/MountainCar-v0/models/m-d14963b9b3ec4b76a99273974085ea89/artifacts', 1796000452908, 1796000453088, 2, 'active', NULL, 'ed7c328178ae4c4cbdabd9dc406790e6', NULL);
INSERT INTO logged_model_metrics (model_id, metric_name, metric_timestamp_ms, metric_step, metric_value, experiment_id, run_id, dataset_uuid, dataset_name, dataset_digest) VALUES ('m-b205e4eb0f714eeb856ee3498699717b', 'final/return_mean', 1796000451565, 0, -150.5, 2, '25b559586205416f8b35955082717de4', NULL, NULL, NULL);
INSERT INTO logged_model_metrics (model_id, metric_name, metric_timestamp_ms, metric_step, metric_value, experiment_id, run_id, dataset_uuid, dataset_name, dataset_digest) VALUES ('m-b205e4eb0f714eeb856ee3498699717b', 'test/return_ci_high', 1796000451565, 0, -150.0, 2, '25b559586205416f8b35955082717de4', NULL, NULL, NULL);
INSERT INTO logged_model_metrics (model_id, metric_name, metric_timestamp_ms, metric_step, metric_value, experiment_id, run_id, dataset_uuid, dataset_name, dataset_digest) VALUES ('m-b205e4eb0f714eeb856ee3498699717b', 'test/return_ci_low', 1796000451565, 0, -151.0, 2, '25b559586205416f8b35955082717de4', NULL, NULL, NULL);
INSERT INTO logged_model_metrics (model_id, metric_name, metric_timestamp_ms, metric_step, metric_value, experiment_id, run_id, dataset_uuid, dataset_name, dataset_digest) VALUES ('m-b205e4eb0f714eeb856ee3498699717b', 'test/return_mean', 1796000451565, 0, -150.5, 2, '25b559586205416f8b35955082717de4', NULL, NULL, NULL);
INSERT INTO logged_model_metrics (model_id, metric_name, metric_timestamp_ms, metric_step, metric_value, experiment_id, run_id, dataset_uuid, dataset_name, dataset_digest) VALUES ('m-b205e4eb0f714eeb856ee3498699717b', 'test/return_worst', 1796000451565, 0, -151.0, 2, '25b559586205416f8b35955082717de4', NULL, NULL, NULL);
INSERT INTO logged_model_metrics (model_id, metric_name, metric_timestamp_ms, metric_step, metric_value, experiment_id, run_id, dataset_uuid, dataset_name, dataset_digest) VALUES ('m-b205e4eb0f714eeb856ee3498699717b', 'test/success_rate', 1796000451565, 0, 1.0, 2, '25b559586205416f8b35955082717de4', NULL, NULL, NULL);
INSERT INTO logged_model_metrics (model_id, metric_name, metric_timestamp_ms, metric_step, metric_value, experiment_id, run_id, dataset_uuid, dataset_name, dataset_digest) VALUES ('m-d14963b9b3ec4b76a99273974085ea89', 'final/return_mean', 1796000453116, 0, -120.5, 2, 'ed7c328178ae4c4cbdabd9dc406790e6', NULL, NULL, NULL);
INSERT INTO logged_model_metrics (model_id, metric_name, metric_timestamp_ms, metric_step, metric_value, experiment_id, run_id, dataset_uuid, dataset_name, dataset_digest) VALUES ('m-d14963b9b3ec4b76a99273974085ea89', 'test/return_ci_high', 1796000453116, 0, -120.0, 2, 'ed7c328178ae4c4cbdabd9dc406790e6', NULL, NULL, NULL);
INSERT INTO logged_model_metrics (model_id, metric_name, metric_timestamp_ms, metric_step, metric_value, experiment_id, run_id, dataset_uuid, dataset_name, dataset_digest) VALUES ('m-d14963b9b3ec4b76a99273974085ea89', 'test/return_ci_low', 1796000453116, 0, -121.0, 2, 'ed7c328178ae4c4cbdabd9dc406790e6', NULL, NULL, NULL);
INSERT INTO logged_model_metrics (model_id, metric_name, metric_timestamp_ms, metric_step, metric_value, experiment_id, run_id, dataset_uuid, dataset_name, dataset_digest) VALUES ('m-d14963b9b3ec4b76a99273974085ea89', 'test/return_mean', 1796000453116, 0, -120.5, 2, 'ed7c328178ae4c4cbdabd9dc406790e6', NULL, NULL, NULL);
INSERT INTO logged_model_metrics (model_id, metric_name, metric_timestamp_ms, metric_step, metric_value, experiment_id, run_id, dataset_uuid, dataset_name, dataset_digest) VALUES ('m-d14963b9b3ec4b76a99273974085ea89', 'test/return_worst', 1796000453116, 0, -121.0, 2, 'ed7c328178ae4c4cbdabd9dc406790e6', NULL, NULL, NULL);
INSERT INTO logged_model_metrics (model_id, metric_name, metric_timestamp_ms, metric_step, metric_value, experiment_id, run_id, dataset_uuid, dataset_name, dataset_digest) VALUES ('m-d14963b9b3ec4b76a99273974085ea89', 'test/success_rate', 1796000453116, 0, 1.0, 2, 'ed7c328178ae4c4cbdabd9dc406790e6', NULL, NULL, NULL);
INSERT INTO registered_models (name, creation_time, last_updated_time, description, workspace) VALUES ('MountainCar-v0', 1796000451663, 1796000453257, 'Greedy policies for MountainCar-v0', 'default');
INSERT INTO model_versions (name, version, creation_time, last_updated_time, description, user_id, current_stage, source, run_id, status, status_message, run_link, storage_location, workspace) VALUES ('MountainCar-v0', 1, 1796000451714, 1796000451714, NULL, NULL, 'None', '/made/mlruns/artifacts/MountainCar-v0/models/m-b205e4eb0f714eeb856ee3498699717b/artifacts', '25b559586205416f8b35955082717de4', 'READY', NULL, NULL, '/made/mlruns/artifacts/MountainCar-v0/models/m-b205e4eb0f714eeb856ee3498699717b/artifacts', 'default');
INSERT INTO model_versions (name, version, creation_time, last_updated_time, description, user_id, current_stage, source, run_id, status, status_message, run_link, storage_location, workspace) VALUES ('MountainCar-v0', 2, 1796000453257, 1796000453257, NULL, NULL, 'None', '/made/mlruns/artifacts/MountainCar-v0/models/m-d14963b9b3ec4b76a99273974085ea89/artifacts', 'ed7c328178ae4c4cbdabd9dc406790e6', 'READY', NULL, NULL, '/made/mlruns/artifacts/MountainCar-v0/models/m-d14963b9b3ec4b76a99273974085ea89/artifacts', 'default');
INSERT INTO model_version_tags (key, value, name, version, workspace) VALUES ('qsweep.checkpoint', 'ep000010', 'MountainCar-v0', 1, 'default');
INSERT INTO model_version_tags (key, value, name, version, workspace) VALUES ('qsweep.checkpoint', 'ep000010', 'MountainCar-v0', 2, 'default');
INSERT INTO model_version_tags (key, value, name, version, workspace) VALUES ('qsweep.environment', 'de726565', 'MountainCar-v0', 1, 'default');
INSERT INTO model_version_tags (key, value, name, version, workspace) VALUES ('qsweep.environment', 'de726565', 'MountainCar-v0', 2, 'default');
INSERT INTO model_version_tags (key, value, name, version, workspace) VALUES ('qsweep.judged', 'true', 'MountainCar-v0', 1, 'default');
INSERT INTO model_version_tags (key, value, name, version, workspace) VALUES ('qsweep.judged', 'true', 'MountainCar-v0', 2, 'default');
INSERT INTO model_version_tags (key, value, name, version, workspace) VALUES ('qsweep.run_id', '25b559586205416f8b35955082717de4', 'MountainCar-v0', 1, 'default');
INSERT INTO model_version_tags (key, value, name, version, workspace) VALUES ('qsweep.run_id', 'ed7c328178ae4c4cbdabd9dc406790e6', 'MountainCar-v0', 2, 'default');
INSERT INTO model_version_tags (key, value, name, version, workspace) VALUES ('qsweep.standard', 'true', 'MountainCar-v0', 1, 'default');
INSERT INTO model_version_tags (key, value, name, version, workspace) VALUES ('qsweep.standard', 'true', 'MountainCar-v0', 2, 'default');
INSERT INTO model_version_tags (key, value, name, version, workspace) VALUES ('qsweep.test_episodes', '2', 'MountainCar-v0', 1, 'default');
INSERT INTO model_version_tags (key, value, name, version, workspace) VALUES ('qsweep.test_episodes', '2', 'MountainCar-v0', 2, 'default');
INSERT INTO model_version_tags (key, value, name, version, workspace) VALUES ('qsweep.test_return_mean', '-120.5', 'MountainCar-v0', 2, 'default');
INSERT INTO model_version_tags (key, value, name, version, workspace) VALUES ('qsweep.test_return_mean', '-150.5', 'MountainCar-v0', 1, 'default');
INSERT INTO registered_model_aliases (alias, version, name, workspace) VALUES ('best', 2, 'MountainCar-v0', 'default');
INSERT INTO alembic_version (version_num) VALUES ('f4a9b2c7d1e6');
