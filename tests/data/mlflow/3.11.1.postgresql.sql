CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.experiment_tags (
    key character varying(250) NOT NULL,
    value character varying(5000),
    experiment_id integer NOT NULL
);
CREATE TABLE public.experiments (
    experiment_id integer NOT NULL,
    name character varying(256) NOT NULL,
    artifact_location character varying(256),
    lifecycle_stage character varying(32),
    creation_time bigint,
    last_update_time bigint,
    workspace character varying(63) DEFAULT 'default'::character varying NOT NULL,
    CONSTRAINT experiments_lifecycle_stage CHECK (((lifecycle_stage)::text = ANY ((ARRAY['active'::character varying, 'deleted'::character varying])::text[])))
);
CREATE SEQUENCE public.experiments_experiment_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.experiments_experiment_id_seq OWNED BY public.experiments.experiment_id;
CREATE TABLE public.inputs (
    input_uuid character varying(36) NOT NULL,
    source_type character varying(36) NOT NULL,
    source_id character varying(36) NOT NULL,
    destination_type character varying(36) NOT NULL,
    destination_id character varying(36) NOT NULL,
    step bigint DEFAULT '0'::bigint NOT NULL
);
CREATE TABLE public.latest_metrics (
    key character varying(250) NOT NULL,
    value double precision NOT NULL,
    "timestamp" bigint,
    step bigint NOT NULL,
    is_nan boolean NOT NULL,
    run_uuid character varying(32) NOT NULL
);
CREATE TABLE public.metrics (
    key character varying(250) NOT NULL,
    value double precision NOT NULL,
    "timestamp" bigint NOT NULL,
    run_uuid character varying(32) NOT NULL,
    step bigint DEFAULT '0'::bigint NOT NULL,
    is_nan boolean DEFAULT false NOT NULL
);
CREATE TABLE public.params (
    key character varying(250) NOT NULL,
    value character varying(8000) NOT NULL,
    run_uuid character varying(32) NOT NULL
);
CREATE TABLE public.runs (
    run_uuid character varying(32) NOT NULL,
    name character varying(250),
    source_type character varying(20),
    source_name character varying(500),
    entry_point_name character varying(50),
    user_id character varying(256),
    status character varying(9),
    start_time bigint,
    end_time bigint,
    source_version character varying(50),
    lifecycle_stage character varying(20),
    artifact_uri character varying(200),
    experiment_id integer,
    deleted_time bigint,
    CONSTRAINT runs_lifecycle_stage CHECK (((lifecycle_stage)::text = ANY ((ARRAY['active'::character varying, 'deleted'::character varying])::text[]))),
    CONSTRAINT runs_status_check CHECK (((status)::text = ANY ((ARRAY['SCHEDULED'::character varying, 'FAILED'::character varying, 'FINISHED'::character varying, 'RUNNING'::character varying, 'KILLED'::character varying])::text[]))),
    CONSTRAINT source_type CHECK (((source_type)::text = ANY ((ARRAY['NOTEBOOK'::character varying, 'JOB'::character varying, 'LOCAL'::character varying, 'UNKNOWN'::character varying, 'PROJECT'::character varying])::text[])))
);
CREATE TABLE public.tags (
    key character varying(250) NOT NULL,
    value character varying(8000),
    run_uuid character varying(32) NOT NULL
);
ALTER TABLE ONLY public.experiments ALTER COLUMN experiment_id SET DEFAULT nextval('public.experiments_experiment_id_seq'::regclass);
INSERT INTO public.alembic_version (version_num) VALUES ('c3d6457b6d8a');
INSERT INTO public.experiment_tags (key, value, experiment_id) VALUES ('mlflow.experimentKind', 'custom_model_development', 1);
INSERT INTO public.experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time, last_update_time, workspace) VALUES (0, 'Default', '/made/mlruns/artifacts/0', 'active', 1796000210851, 1796000210851, 'default');
INSERT INTO public.experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time, last_update_time, workspace) VALUES (1, 'My lakes', '/made/mlruns/artifacts/My lakes', 'active', 1796000211459, 1796000211459, 'default');
INSERT INTO public.latest_metrics (key, value, "timestamp", step, is_nan, run_uuid) VALUES ('train/return_avg', -1.7976931348623157e+308, 1796000211698, 4, false, 'c1388c70e03447c2af2c324193aedf26');
INSERT INTO public.latest_metrics (key, value, "timestamp", step, is_nan, run_uuid) VALUES ('train/epsilon', 5e-324, 1796000211698, 4, false, 'c1388c70e03447c2af2c324193aedf26');
INSERT INTO public.latest_metrics (key, value, "timestamp", step, is_nan, run_uuid) VALUES ('eval/return_mean', -150, 1796000211698, 4, false, 'c1388c70e03447c2af2c324193aedf26');
INSERT INTO public.latest_metrics (key, value, "timestamp", step, is_nan, run_uuid) VALUES ('test/return_mean', -110.5, 1796000211698, 0, false, 'c1388c70e03447c2af2c324193aedf26');
INSERT INTO public.latest_metrics (key, value, "timestamp", step, is_nan, run_uuid) VALUES ('optimum/gap', 0, 1796000211698, 0, true, 'c1388c70e03447c2af2c324193aedf26');
INSERT INTO public.latest_metrics (key, value, "timestamp", step, is_nan, run_uuid) VALUES ('train/seconds', 1.7976931348623157e+308, 1796000211698, 0, false, 'c1388c70e03447c2af2c324193aedf26');
INSERT INTO public.metrics (key, value, "timestamp", run_uuid, step, is_nan) VALUES ('train/return_avg', -200, 1796000211698, 'c1388c70e03447c2af2c324193aedf26', 0, false);
INSERT INTO public.metrics (key, value, "timestamp", run_uuid, step, is_nan) VALUES ('train/return_avg', 0, 1796000211698, 'c1388c70e03447c2af2c324193aedf26', 1, true);
INSERT INTO public.metrics (key, value, "timestamp", run_uuid, step, is_nan) VALUES ('train/return_avg', -180.5, 1796000211698, 'c1388c70e03447c2af2c324193aedf26', 2, false);
INSERT INTO public.metrics (key, value, "timestamp", run_uuid, step, is_nan) VALUES ('train/epsilon', 0.5, 1796000211698, 'c1388c70e03447c2af2c324193aedf26', 0, false);
INSERT INTO public.metrics (key, value, "timestamp", run_uuid, step, is_nan) VALUES ('train/epsilon', 0.25, 1796000211698, 'c1388c70e03447c2af2c324193aedf26', 1, false);
INSERT INTO public.metrics (key, value, "timestamp", run_uuid, step, is_nan) VALUES ('train/epsilon', 0, 1796000211698, 'c1388c70e03447c2af2c324193aedf26', 2, false);
INSERT INTO public.metrics (key, value, "timestamp", run_uuid, step, is_nan) VALUES ('train/return_avg', 1.7976931348623157e+308, 1796000211698, 'c1388c70e03447c2af2c324193aedf26', 3, false);
INSERT INTO public.metrics (key, value, "timestamp", run_uuid, step, is_nan) VALUES ('train/return_avg', -1.7976931348623157e+308, 1796000211698, 'c1388c70e03447c2af2c324193aedf26', 4, false);
INSERT INTO public.metrics (key, value, "timestamp", run_uuid, step, is_nan) VALUES ('train/epsilon', -0, 1796000211698, 'c1388c70e03447c2af2c324193aedf26', 3, false);
INSERT INTO public.metrics (key, value, "timestamp", run_uuid, step, is_nan) VALUES ('train/epsilon', 5e-324, 1796000211698, 'c1388c70e03447c2af2c324193aedf26', 4, false);
INSERT INTO public.metrics (key, value, "timestamp", run_uuid, step, is_nan) VALUES ('eval/return_mean', -150, 1796000211698, 'c1388c70e03447c2af2c324193aedf26', 4, false);
INSERT INTO public.metrics (key, value, "timestamp", run_uuid, step, is_nan) VALUES ('test/return_mean', -110.5, 1796000211698, 'c1388c70e03447c2af2c324193aedf26', 0, false);
INSERT INTO public.metrics (key, value, "timestamp", run_uuid, step, is_nan) VALUES ('optimum/gap', 0, 1796000211698, 'c1388c70e03447c2af2c324193aedf26', 0, true);
INSERT INTO public.metrics (key, value, "timestamp", run_uuid, step, is_nan) VALUES ('train/seconds', 1.7976931348623157e+308, 1796000211698, 'c1388c70e03447c2af2c324193aedf26', 0, false);
INSERT INTO public.params (key, value, run_uuid) VALUES ('buckets', '20', 'c1388c70e03447c2af2c324193aedf26');
INSERT INTO public.params (key, value, run_uuid) VALUES ('env.kwargs.größe', '[30,15]', 'c1388c70e03447c2af2c324193aedf26');
INSERT INTO public.params (key, value, run_uuid) VALUES ('long', repeat('v', 6000), 'c1388c70e03447c2af2c324193aedf26');
INSERT INTO public.runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time, end_time, source_version, lifecycle_stage, artifact_uri, experiment_id, deleted_time) VALUES ('c1388c70e03447c2af2c324193aedf26', 'buckets=20', 'UNKNOWN', '', '', 'unknown', 'FINISHED', 1796000211497, 1796000211838, '', 'active', '/made/mlruns/artifacts/My lakes/c1388c70e03447c2af2c324193aedf26/artifacts', 1, NULL);
INSERT INTO public.tags (key, value, run_uuid) VALUES ('qsweep.sweep', 's', 'c1388c70e03447c2af2c324193aedf26');
INSERT INTO public.tags (key, value, run_uuid) VALUES ('qsweep.varied', repeat('t', 8000), 'c1388c70e03447c2af2c324193aedf26');
INSERT INTO public.tags (key, value, run_uuid) VALUES ('mlflow.source.name', 'qsweep', 'c1388c70e03447c2af2c324193aedf26');
INSERT INTO public.tags (key, value, run_uuid) VALUES ('mlflow.source.type', 'LOCAL', 'c1388c70e03447c2af2c324193aedf26');
INSERT INTO public.tags (key, value, run_uuid) VALUES ('mlflow.runName', 'buckets=20', 'c1388c70e03447c2af2c324193aedf26');
INSERT INTO public.tags (key, value, run_uuid) VALUES ('qsweep.qtable_sha256', 'ab', 'c1388c70e03447c2af2c324193aedf26');
SELECT pg_catalog.setval('public.experiments_experiment_id_seq', 1, true);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.experiments
    ADD CONSTRAINT experiment_pk PRIMARY KEY (experiment_id);
ALTER TABLE ONLY public.experiment_tags
    ADD CONSTRAINT experiment_tag_pk PRIMARY KEY (key, experiment_id);
ALTER TABLE ONLY public.inputs
    ADD CONSTRAINT inputs_pk PRIMARY KEY (source_type, source_id, destination_type, destination_id);
ALTER TABLE ONLY public.latest_metrics
    ADD CONSTRAINT latest_metric_pk PRIMARY KEY (key, run_uuid);
ALTER TABLE ONLY public.metrics
    ADD CONSTRAINT metric_pk PRIMARY KEY (key, "timestamp", step, run_uuid, value, is_nan);
ALTER TABLE ONLY public.params
    ADD CONSTRAINT param_pk PRIMARY KEY (key, run_uuid);
ALTER TABLE ONLY public.runs
    ADD CONSTRAINT run_pk PRIMARY KEY (run_uuid);
ALTER TABLE ONLY public.tags
    ADD CONSTRAINT tag_pk PRIMARY KEY (key, run_uuid);
ALTER TABLE ONLY public.experiments
    ADD CONSTRAINT uq_experiments_workspace_name UNIQUE (workspace, name);
CREATE INDEX idx_experiments_workspace ON public.experiments USING btree (workspace);
CREATE INDEX idx_experiments_workspace_creation_time ON public.experiments USING btree (workspace, creation_time);
CREATE INDEX index_inputs_destination_type_destination_id_source_type ON public.inputs USING btree (destination_type, destination_id, source_type);
CREATE INDEX index_inputs_input_uuid ON public.inputs USING btree (input_uuid);
CREATE INDEX index_latest_metrics_run_uuid ON public.latest_metrics USING btree (run_uuid);
CREATE INDEX index_metrics_run_uuid ON public.metrics USING btree (run_uuid);
CREATE INDEX index_params_run_uuid ON public.params USING btree (run_uuid);
CREATE INDEX index_tags_run_uuid ON public.tags USING btree (run_uuid);
ALTER TABLE ONLY public.experiment_tags
    ADD CONSTRAINT experiment_tags_experiment_id_fkey FOREIGN KEY (experiment_id) REFERENCES public.experiments(experiment_id);
ALTER TABLE ONLY public.latest_metrics
    ADD CONSTRAINT latest_metrics_run_uuid_fkey FOREIGN KEY (run_uuid) REFERENCES public.runs(run_uuid);
ALTER TABLE ONLY public.metrics
    ADD CONSTRAINT metrics_run_uuid_fkey FOREIGN KEY (run_uuid) REFERENCES public.runs(run_uuid);
ALTER TABLE ONLY public.params
    ADD CONSTRAINT params_run_uuid_fkey FOREIGN KEY (run_uuid) REFERENCES public.runs(run_uuid);
ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_experiment_id_fkey FOREIGN KEY (experiment_id) REFERENCES public.experiments(experiment_id);
ALTER TABLE ONLY public.tags
    ADD CONSTRAINT tags_run_uuid_fkey FOREIGN KEY (run_uuid) REFERENCES public.runs(run_uuid);
