-- The people who write. Run once on an empty database; running it again changes nothing.

INSERT INTO author (id, name, email, bio) VALUES
  (1, 'Amara Nyman', 'amara.nyman@example.com', 'Writes about bicycles and cities since leaving the navy.'),
  (2, 'Benoît Yıldız', 'benoit.yildiz@example.com', 'Writes about languages with few speakers on trains, mostly.'),
  (3, 'Chiara Almeida', 'chiara.almeida@example.com', 'Writes about the sea and those who work on it on trains, mostly.'),
  (4, 'Dmitri Petrova', 'dmitri.petrova@example.com', 'Writes about bridges and other brave structures for two newspapers and one radio station.'),
  (5, 'Elif Ilić', 'elif.ilic@example.com', 'Writes about old maps for nine years.'),
  (6, 'Farid Brandt', 'farid.brandt@example.com', 'Writes about forests for two newspapers and one radio station.'),
  (7, 'Greta Tanaka', 'greta.tanaka@example.com', 'Writes about weather, gardens and soil after twenty years of teaching.'),
  (8, 'Hiroshi Volkov', 'hiroshi.volkov@example.com', 'Writes about markets and cooks since school.'),
  (9, 'Ingrid Lefèvre', 'ingrid.lefevre@example.com', 'Writes about small museums for nine years.'),
  (10, 'Jonas Kamau', 'jonas.kamau@example.com', 'Writes about music made at home on trains, mostly.'),
  (11, 'Keiko Fernández', 'keiko.fernandez@example.com', 'Writes about bread, cheese and other slow things on trains, mostly.'),
  (12, 'Leila Lindqvist', 'leila.lindqvist@example.com', 'Writes about the night sky from a houseboat.'),
  (13, 'Mateo Raman', 'mateo.raman@example.com', 'Writes about trains, timetables and the people who keep them after a decade as a nurse.'),
  (14, 'Nadia Weber', 'nadia.weber@example.com', 'Writes about libraries after a decade as a nurse.'),
  (15, 'Oskar Horvat', 'oskar.horvat@example.com', 'Writes about rivers and the towns beside them from a village of three hundred.'),
  (16, 'Priya Novak', 'priya.novak@example.com', 'Writes about bicycles and cities from a houseboat.'),
  (17, 'Quentin Delgado', 'quentin.delgado@example.com', 'Writes about languages with few speakers from a houseboat.'),
  (18, 'Rosa O''Brien', 'rosa.obrien@example.com', 'Writes about the sea and those who work on it for two newspapers and one radio station.'),
  (19, 'Stefan Demir', 'stefan.demir@example.com', 'Writes about bridges and other brave structures for two newspapers and one radio station.'),
  (20, 'Tomasz Moreau', 'tomasz.moreau@example.com', 'Writes about old maps since school.'),
  (21, 'Ursula Okafor', 'ursula.okafor@example.com', 'Writes about forests since school.'),
  (22, 'Viktor Vargas', 'viktor.vargas@example.com', 'Writes about weather, gardens and soil from a houseboat.'),
  (23, 'Wanjiru Mori', 'wanjiru.mori@example.com', 'Writes about markets and cooks between lectures on geology.'),
  (24, 'Ximena Rossi', 'ximena.rossi@example.com', 'Writes about small museums since school.'),
  (25, 'Yusuf Kowalski', 'yusuf.kowalski@example.com', 'Writes about music made at home from a village of three hundred.'),
  (26, 'Zofia Wójcik', 'zofia.wojcik@example.com', 'Writes about bread, cheese and other slow things after twenty years of teaching.'),
  (27, 'Aoife Nasser', 'aoife.nasser@example.com', 'Writes about the night sky for nine years.'),
  (28, 'Bruno Sørensen', 'bruno.sorensen@example.com', 'Writes about trains, timetables and the people who keep them on trains, mostly.'),
  (29, 'Camille Haddad', 'camille.haddad@example.com', 'Writes about libraries from a houseboat.'),
  (30, 'Danilo Dubois', 'danilo.dubois@example.com', 'Writes about rivers and the towns beside them on trains, mostly.')
ON CONFLICT (id) DO NOTHING;

-- The next author gets the next number.
SELECT setval(pg_get_serial_sequence('author', 'id'), (SELECT max(id) FROM author));
