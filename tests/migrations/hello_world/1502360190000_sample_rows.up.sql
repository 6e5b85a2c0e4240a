INSERT INTO author (name) VALUES ('Amelia'), ('Bo'), ('Chen');

-- A semicolon; in a remark and in a text is no end.
INSERT INTO article (title, content, rating, author_id) VALUES
  ('sit amet', 'lorem; ipsum', 1, 2),
  ('a nibh', 'dolor', 3.5, 1),
  ('amet justo morbi', 'sed', 5, 3);
