namespace Amqp.Storage.Tests.Messages;

/// <summary>The store under random use, over several lives that end in order, with a loss of power, or with a disk that fails.</summary>
[TestFixtureSource(typeof(TestEngine), nameof(TestEngine.All))]
internal sealed class StoreStorms(TestEngine engine)
{
    [Test]
    public void What_was_promised_survives_every_end([Range(1, 40)] int seed) => Storm(seed, lives: 6, stepsMax: 120);

    [Test]
    [Category("Long")]
    public void What_was_promised_survives_every_end_in_the_long_run([Range(1_001, 1_200)] int seed) => Storm(seed, lives: 12, stepsMax: 600);

    private void Storm(int seed, int lives, int stepsMax)
    {
        var random = new Random(seed);
        using var store = new TestStore(engine, 8_192 << random.Next(4));
        store.Start();
        var model = new StoreModel(store, random, queueCount: random.Next(1, 5)) { LargestBody = random.Next(3) == 0 ? 20_000 : 800 * engine.BodyScale };
        for (var life = 1; life <= lives; life++)
        {
            if (random.Next(3) == 0) store.Files.FailFrom = store.Files.Changes + random.Next(400);
            for (var steps = random.Next(stepsMax); steps > 0 && store.Failure is null; steps--)
            {
                model.Step();
                if (random.Next(40) == 0) model.Quiesce();
            }
            var end = random.Next(3);
            if (end == 0) model.Quiesce();
            var orderly = end == 1 && store.Files.FailFrom == int.MaxValue;
            if (store.Files.FailFrom == int.MaxValue) Assert.That(store.Failure, Is.Null, $"seed {seed}, in life {life}: the disk was all right");
            if (orderly)
            {
                store.Close();
                model.NotePromisesOfOrderlyEnd();
                store.Reopen();
            }
            else
            {
                store.Files.Break();
                store.Close();
                model.NotePromises();
                store.Files.LosePower(random);
                store.Reopen();
            }
            model.Check($"seed {seed}, after life {life}");
        }
        Assert.That(store.Log.Of(Microsoft.Extensions.Logging.LogLevel.Error), Is.Empty, "nothing was damaged");
    }
}
