from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('fukan', '0002_anchors')]

    initial = False

    operations = [
        ops.AddField(
            model_name='Segment',
            name='plan',
            field=fields.TextField(null=True, unique=False),
        ),
    ]
